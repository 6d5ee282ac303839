"""The task's filter applied to a model's text before anybody reads it, as a whole or as a stream."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from shared.ai.delivery.run import Run
from shared.ai.task import Generated, TextFilter
from shared.errors import ContentRefused, ProviderError


def filtered(run: Run, generated: Generated) -> Generated:
    """Return the result with its text filtered.

    Raises:
        ContentRefused: the filter refused the text.
        ProviderError: the filter removed all of the text.
    """
    text_filter = run.task.answer_filter()
    if text_filter is None:
        return generated
    try:
        text = text_filter.add(generated.text) + text_filter.end()
    except ContentRefused:
        run.attempts[-1].refused()
        raise
    return replace(generated, text=require_text(run, text))


async def filtered_texts(
    run: Run, text_filter: TextFilter | None, texts: AsyncGenerator[str]
) -> AsyncGenerator[str]:
    """Yield the texts of a stream filtered, as they arrive; raise ContentRefused if the filter does."""
    try:
        async with aclosing(texts):
            async for text in texts:
                passed = text if text_filter is None else text_filter.add(text)
                if passed:
                    yield passed
        if text_filter is not None and (rest := text_filter.end()):
            yield rest
    except ContentRefused:
        run.attempts[-1].refused()
        raise


def require_text(run: Run, text: str) -> str:
    """Return the text; raise ProviderError if it is blank, because then nothing was delivered."""
    if not text.strip():
        run.attempts[-1].malformed()
        raise ProviderError
    return text
