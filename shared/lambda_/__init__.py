"""Entry points for the platform's events."""
