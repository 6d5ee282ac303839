"""Attempts at the provider until one delivers."""
