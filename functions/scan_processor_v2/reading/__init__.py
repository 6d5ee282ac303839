"""What it says: records of people, read from text and tables."""
