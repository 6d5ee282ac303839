"""The work on a scan: its lease and its blocks."""
