"""Hand-written scan inputs, and the scores of programs that read them."""
