"""The provider's API; the only place that imports `openai`."""
