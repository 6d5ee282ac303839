"""What runs on a laptop and never ships: the stack, the simulated provider, the command line."""
