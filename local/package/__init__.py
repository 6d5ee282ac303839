"""Builds what is deployed: one zip for each function, from an allow-list."""
