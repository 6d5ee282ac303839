"""Attempts to get a result from a provider, until one delivers it."""
