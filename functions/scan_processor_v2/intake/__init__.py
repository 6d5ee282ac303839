"""Intake: the input of a scan, from the request or the storage, checked and stored as blocks."""
