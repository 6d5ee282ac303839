"""Pasted text, CSV files and images turned into scored prospects."""
