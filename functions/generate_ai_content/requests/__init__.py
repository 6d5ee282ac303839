"""The request shapes of the URL; each becomes one call."""
