"""Files for a spreadsheet: made here when they are small, and in a process of their own when not."""
