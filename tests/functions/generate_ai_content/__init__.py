"""Tests of generate-ai-content."""
