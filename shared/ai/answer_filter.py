"""What of a text may leave: the call's own filter, put before whoever reads it."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from shared.ai.delivery.run import Run
from shared.ai.task import Generated, TextFilter
from shared.errors import ContentRefused, ProviderError


def filtered(run: Run, generated: Generated) -> Generated:
    """Return what may leave of a whole text.

    Raises:
        ContentRefused: the filter refused it.
        ProviderError: nothing is left of it.
    """
    through = run.task.answer_filter()
    if through is None:
        return generated
    try:
        text = through.add(generated.text) + through.end()
    except ContentRefused:
        run.attempts[-1].withheld()
        raise
    return replace(generated, text=something(run, text))


async def filtered_texts(
    run: Run, through: TextFilter | None, texts: AsyncGenerator[str]
) -> AsyncGenerator[str]:
    """Yield what may leave of the texts of a stream, as they come; raises ContentRefused where the filter does."""
    try:
        async with aclosing(texts):
            async for text in texts:
                shown = text if through is None else through.add(text)
                if shown:
                    yield shown
        if through is not None and (rest := through.end()):
            yield rest
    except ContentRefused:
        run.attempts[-1].withheld()
        raise


def something(run: Run, text: str) -> str:
    """Return the text, or raise ProviderError where none is left: then nothing was delivered."""
    if not text.strip():
        run.attempts[-1].broken()
        raise ProviderError
    return text
