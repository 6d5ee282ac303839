"""What the functions share; never imports `functions`, `local` or `tests`."""
