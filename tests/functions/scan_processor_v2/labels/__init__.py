"""Hand-written scan inputs and the scores of what reads them."""
