"""Images in messages: adding one, counting them, and messages without their data."""

from collections.abc import Sequence
from typing import Any

from shared.ai.provider.exchange import Message


def with_image(message: Message, media_type: str, data: str) -> Message:
    """Return a text message with an image added; `data` is base64."""
    url = f"data:{media_type};base64,{data}"
    # High detail reads small print; `image_tokens` in the catalogue is its upper bound.
    image = {"type": "image_url", "image_url": {"url": url, "detail": "high"}}
    return {**message, "content": [{"type": "text", "text": message["content"]}, image]}


def images_in(messages: Sequence[Message]) -> int:
    """Return the number of images."""
    return sum(_is_image(part) for message in messages for part in _parts(message))


def words_of(messages: Sequence[Message]) -> list[Message]:
    """Return the messages without the data of images, whose cost depends on their pixels and not on their bytes."""
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
