"""The money protocol in Python: holds, outcomes, attempts."""
