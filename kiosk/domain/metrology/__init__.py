"""The legally relevant rules between a reading and a weighing."""
