"""A scan as a worker does it: its lease and its blocks."""
