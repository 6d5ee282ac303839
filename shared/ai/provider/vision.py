"""Images in messages: how one is sent, and what of a request is words."""

from collections.abc import Sequence
from typing import Any

from shared.ai.provider.exchange import Message


def with_image(message: Message, media_type: str, data: str) -> Message:
    """Return a message of text with one image beside it; `data` is base64."""
    url = f"data:{media_type};base64,{data}"
    # The dearest detail, which is what the catalogue's `image_tokens` count: small print is read.
    image = {"type": "image_url", "image_url": {"url": url, "detail": "high"}}
    return {**message, "content": [{"type": "text", "text": message["content"]}, image]}


def images_in(messages: Sequence[Message]) -> int:
    """Count the images of a request."""
    return sum(_is_image(part) for message in messages for part in _parts(message))


def words_of(messages: Sequence[Message]) -> list[Message]:
    """Return the messages without the bytes of their images, which cost by their size in pixels alone."""
    return [_words_of(message) if _parts(message) else message for message in messages]


def _words_of(message: Message) -> Message:
    return {
        **message,
        "content": [{"type": "image_url"} if _is_image(part) else part for part in _parts(message)],
    }


def _parts(message: Message) -> Sequence[Any]:
    content = message.get("content")
    return content if isinstance(content, list) else ()


def _is_image(part: Any) -> bool:  # noqa: ANN401  # a part of a message
    return isinstance(part, dict) and part.get("type") == "image_url"
