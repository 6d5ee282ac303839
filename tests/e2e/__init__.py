"""Real clients against a running system."""
