"""The money protocol as Python sees it: holds, outcomes, attempts."""
