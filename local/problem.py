"""What a person at the keyboard can put right."""


class Problem(Exception):  # noqa: N818 - it is shown to a person, under its own name nowhere
    """One sentence that names what is wrong and the remedy; the command line shows it without a traceback."""
