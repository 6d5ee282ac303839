"""How likely each person is to buy: by the model, else by rules."""
