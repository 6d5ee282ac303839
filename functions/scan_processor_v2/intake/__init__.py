"""What came: text, a file or a picture, and whether it can be scanned."""
