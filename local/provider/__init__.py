"""A simulated OpenAI server at the wire: it reads its input, counts tokens, and simulates errors on request."""
