"""Images in a request: sent in full detail, and counted by what the provider bills for one, not by their bytes."""

from decimal import Decimal
from typing import Any

from shared.ai.call import AICall, Generated
from shared.ai.delivery.deliverer import prompt_bytes
from shared.ai.models.catalogue import Catalogue
from shared.ai.models.selection import Needs, Wish
from shared.ai.money.reservation import OVERHEAD_BYTES, cost_bound_usd, needs
from shared.ai.provider.vision import images_in, with_image, words_of
from shared.supabase.auth import Caller

CATALOGUE = Catalogue.load()
TEXT = {"role": "user", "content": "What is in it?"}
PICTURE = with_image(TEXT, "image/png", "A" * 4_000_000)


def call(images: int) -> AICall:
    """A call with so many images, a prompt of at most 1,000 bytes and an answer of at most 100 tokens."""

    def shape(generated: Generated) -> dict[str, Any]:
        return {"message": generated.text}

    return AICall(
        function_name="scan-processor-v2",
        action="ai_scan",
        caller=Caller("service", "00000000-0000-4000-8000-000000000001"),
        wish=Wish(),
        build=lambda _configuration, _prospect: [PICTURE],
        shape=shape,
        prompt_limit_bytes=1_000,
        max_output_tokens=100,
        images=images,
    )


def test_a_message_with_an_image_keeps_its_words() -> None:
    """Text first, then the image as a data URL in full detail."""
    message = with_image(TEXT, "image/png", "AAAA")
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "high"}}
    assert message == {"role": "user", "content": [{"type": "text", "text": "What is in it?"}, image]}


def test_the_bytes_of_an_image_are_no_part_of_the_prompt() -> None:
    """Four megabytes of base64 would be four million tokens; the words beside them still count."""
    assert images_in([TEXT, PICTURE]) == 1
    assert "A" * 100 not in str(words_of([TEXT, PICTURE]))
    assert prompt_bytes([TEXT], None) < prompt_bytes([PICTURE], None) < 200


def test_the_bound_counts_an_image_at_its_dearest() -> None:
    """1,445 tokens on gpt-4o, 85 and 8 tiles of 170, at 2.50 USD a million: no picture of any size costs more."""
    model = CATALOGUE.get("gpt-4o")
    plain = cost_bound_usd(call(0), model, 1_000)
    assert plain == (1_000 + OVERHEAD_BYTES) * Decimal("2.5e-6") + 100 * Decimal("10e-6")
    assert cost_bound_usd(call(1), model, 1_000) - plain == 1_445 * Decimal("2.5e-6")


def test_a_call_with_an_image_needs_a_model_that_sees() -> None:
    """What the selection goes by."""
    assert needs(call(1)) == Needs(1_000, 100, images=1)
