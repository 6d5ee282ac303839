"""generate-ai-content: texts and analyses for signed-in users."""
