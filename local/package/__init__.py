"""Builds what is deployed: one zip a function, from an allow-list."""
