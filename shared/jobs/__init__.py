"""Work that is done later: its rows and its messages."""
