"""A result that is too long for one request: written in several at once, and put together."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

from shared.ai.delivery.run import Run
from shared.ai.provider.exchange import Message
from shared.ai.task import Generated, Part, Structure
from shared.errors import ProviderError

DeliverPart = Callable[[Run, Sequence[Message]], Awaitable[Generated]]


async def in_parts(run: Run, messages: Sequence[Message], deliver: DeliverPart) -> Generated:
    """Return the whole of what `deliver` brings for each part, all asked for at the same time.

    Where one fails the others are let to their ends: a request that is cut off is billed at its upper bound.

    Raises:
        NexscoutError: a part was not delivered.
        ProviderError: the parts are valid, but not what they make together.
    """
    parts = run.task.parts
    ends = await asyncio.gather(
        *(deliver(_run_of(run, part), _told(messages, part)) for part in parts), return_exceptions=True
    )
    for end in ends:
        if isinstance(end, BaseException):
            raise end
    return _joined(run.structure, [end for end in ends if isinstance(end, Generated)])


def _run_of(run: Run, part: Part) -> Run:
    """Return the run of a part: under the same hold, its attempts among those of the whole."""
    return replace(run, structure=part.structure)


def _told(messages: Sequence[Message], part: Part) -> Sequence[Message]:
    return [*messages, {"role": "system", "content": part.instruction}]


def _joined(structure: Structure | None, delivered: Sequence[Generated]) -> Generated:
    lists: dict[str, list[Any]] = {}
    for part in delivered:
        for name, items in (part.value or {}).items():
            lists.setdefault(name, []).extend(items)
    text = json.dumps(lists, ensure_ascii=False)
    if structure is None:
        raise ProviderError
    try:
        return Generated(text, structure.parse(text), delivered[-1].finish_reason)
    except ValueError as exc:
        raise ProviderError from exc
