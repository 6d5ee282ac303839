"""A simulated OpenAI server at the wire: it reads its input, counts tokens, and fails when told to."""
