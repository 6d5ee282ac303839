"""Images in a request: sent in full detail, and counted as the provider bills them, not by their bytes."""

from decimal import Decimal

from shared.ai import Limits
from shared.ai.models.catalogue import Catalogue
from shared.ai.models.selection import Needs
from shared.ai.money.reservation import OVERHEAD_BYTES, cost_bound_usd, needs
from shared.ai.prompt.size import prompt_bytes
from shared.ai.provider.vision import images_in, with_image, words_of
from tests.plain_task import PlainTask

CATALOGUE = Catalogue.load()
TEXT = {"role": "user", "content": "What is in it?"}
PICTURE = with_image(TEXT, "image/png", "A" * 4_000_000)


def task(images: int) -> PlainTask:
    """Return a task with `images` images, a prompt of at most 1,000 bytes and at most 100 tokens of answer."""
    return PlainTask([PICTURE], action="ai_scan", limits=Limits(1_000, 100, images=images))


def test_a_message_with_an_image_keeps_its_words() -> None:
    """The message has the text first, then the image as a data URL in full detail."""
    message = with_image(TEXT, "image/png", "AAAA")
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "high"}}
    assert message == {"role": "user", "content": [{"type": "text", "text": "What is in it?"}, image]}


def test_the_bytes_of_an_image_are_no_part_of_the_prompt() -> None:
    """Four megabytes of base64 would be four million tokens; only the text counts by its bytes."""
    assert images_in([TEXT, PICTURE]) == 1
    assert "A" * 100 not in str(words_of([TEXT, PICTURE]))
    assert prompt_bytes([TEXT], None) < prompt_bytes([PICTURE], None) < 200


def test_the_bound_counts_an_image_at_its_highest_price() -> None:
    """1,445 tokens on gpt-4o, 85 and 8 tiles of 170, at 2.50 USD per million: no image costs more."""
    model = CATALOGUE.get("gpt-4o")
    plain = cost_bound_usd(task(0).limits, None, model, 1_000)
    assert plain == (1_000 + OVERHEAD_BYTES) * Decimal("2.5e-6") + 100 * Decimal("10e-6")
    assert cost_bound_usd(task(1).limits, None, model, 1_000) - plain == 1_445 * Decimal("2.5e-6")


def test_a_call_with_an_image_needs_a_model_that_sees() -> None:
    """The selection uses this need."""
    assert needs(task(1)) == Needs(1_000, 100, images=1)
