"""A result that is too long for one request: its parts are written at the same time and joined."""

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
    """Return the joined result of all parts, each delivered by `deliver` at the same time.

    If one fails, the others still run to their ends: an aborted request is billed at its upper bound.

    Raises:
        NexscoutError: a part was not delivered.
        ProviderError: the parts are valid, but the joined result is not.
    """
    parts = run.task.parts
    results = await asyncio.gather(
        *(deliver(_run_of(run, part), _messages_of(part, messages)) for part in parts), return_exceptions=True
    )
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return _join(run.structure, [result for result in results if isinstance(result, Generated)])


def _run_of(run: Run, part: Part) -> Run:
    """Return the run of a part: it shares the hold and the list of attempts with the whole."""
    return replace(run, structure=part.structure)


def _messages_of(part: Part, messages: Sequence[Message]) -> Sequence[Message]:
    return [*messages, {"role": "system", "content": part.instruction}]


def _join(structure: Structure | None, delivered: Sequence[Generated]) -> Generated:
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
