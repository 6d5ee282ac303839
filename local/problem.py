"""Errors that the user of the command line can fix."""


class Problem(Exception):  # noqa: N818 - it is shown to a person, under its own name nowhere
    """One sentence that names the error and the remedy; the command line shows it without a traceback."""
