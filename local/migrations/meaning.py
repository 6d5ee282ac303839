"""The meaning of a policy's expression, in any way of writing it."""

import re

# The app has rewritten its policies, so that a function is called once for each statement and not for each row.
ONCE_A_STATEMENT = re.compile(r"\( ?SELECT \(*(?P<call>[a-z_]+\.[a-z_]+\(\))\)* AS \"?\w+\"?\)")


def meaning(expression: str) -> str:
    """Return an expression, as the server prints it, with each `(select auth.uid())` as `auth.uid()`."""
    plainer = ONCE_A_STATEMENT.sub(r"\g<call>", expression)
    return plainer if plainer == expression else meaning(plainer)
