"""What may leave as an answer: plain text, and no link that the owner's data does not hold."""

import re

_TAG = re.compile(r"<[^<>]{0,2000}>")
_MARKDOWN_LINK = re.compile(r"!?\[([^\[\]]{0,500})\]\(([^()\s]{0,2000})\)")


def plain(text: str) -> str:
    """Give the answer without markup; a Markdown link keeps its words."""
    return _TAG.sub("", _MARKDOWN_LINK.sub(r"\1", text)).strip()
