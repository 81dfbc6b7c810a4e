"""What is published, as files for spreadsheets, shops and channels."""
