"""generate-ai-content: AI texts for the signed-in web client."""
