"""`deck`: the slides of a pitch deck; the elite deck is for paid tiers."""

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from functions.generate_ai_content.content_types.content_task import PROMPTS, ContentTask, prompt
from functions.generate_ai_content.content_types.output import Output, Text
from functions.generate_ai_content.content_types.request import WithContext, synonym
from functions.generate_ai_content.content_types.share import Share
from shared.ai.prompt import Prompt
from shared.http.fields import Blank

DeckType = Literal["basic", "elite"]
SLIDES: Mapping[DeckType, int] = {"basic": 7, "elite": 15}
UPGRADE = "Elite decks are only available for Pro and Elite subscribers"
PROMPT = prompt("writer", "facts", "deck")
OUTLINES: Mapping[DeckType, Prompt] = {
    "basic": Prompt.load(PROMPTS, "deck_basic"),
    "elite": Prompt.load(PROMPTS, "deck_elite"),
}

# A title, four sentences and five bullets.
TOKENS_OF_A_SLIDE = 350

SLIDES_AT_ONCE = 7
"""As many as one request writes in time: about 200 tokens per slide, at 60 to 100 tokens per second."""


class DeckRequest(WithContext):
    """The kind of deck; some clients send it as `version`."""

    deck_type: Annotated[DeckType | None, Blank] = None

    @model_validator(mode="before")
    @classmethod
    def _version_is_deck_type(cls, body: Any) -> Any:  # noqa: ANN401  # what was sent
        return synonym(body, "deckType", "version")


class Slide(Output):
    """One slide."""

    slide: Annotated[int, Field(ge=1)]
    title: Text
    content: Text
    bullets: Annotated[list[Text], Field(max_length=6)] | None


class DeckOutput(Output):
    """The slides in order."""

    slides: list[Slide]


def _shares(slides: int) -> list[Share]:
    """Return equal shares of a deck that is too long for one request; the outline in each covers all slides."""
    if slides <= SLIDES_AT_ONCE:
        return []
    size = ceil(slides / ceil(slides / SLIDES_AT_ONCE))
    ranges = [range(first, min(first + size, slides + 1)) for first in range(1, slides + 1, size)]
    return [
        Share(
            f"Write the slides {numbers[0]} to {numbers[-1]} only, with these numbers. "
            "The others are written elsewhere, from the same outline and the same data.",
            "slides",
            {"slide": numbers},
        )
        for numbers in ranges
    ]


class Deck(ContentTask[DeckRequest, DeckOutput]):
    """A deck; a long one is written in equal shares."""

    name, action = "deck", "ai_pitch_deck"
    request_model, output_model = DeckRequest, DeckOutput

    def __init__(self, request: DeckRequest) -> None:
        self._kind: DeckType = request.deck_type or "basic"
        self._slides = SLIDES[self._kind]
        self._shares = _shares(self._slides)
        self._outline = OUTLINES[self._kind]
        self.prompt = Prompt(PROMPT.text, f"{PROMPT.version}-{self._outline.version}")
        self.output_tokens = 200 + TOKENS_OF_A_SLIDE * (
            self._shares[0].count() if self._shares else self._slides
        )
        self.upgrade_message = UPGRADE if self._kind == "elite" else None
        super().__init__(request)

    def variables(self) -> Mapping[str, str]:
        """Return the number of slides and the outline."""
        return {"slide_count": str(self._slides), "outline": self._outline.text}

    def counts(self) -> Mapping[str, int]:
        """Return the number of slides."""
        return {"slides": self._slides}

    def shares(self) -> Sequence[Share]:
        """Return the shares of a long deck."""
        return self._shares

    def finish(self, output: DeckOutput, shown: Mapping[str, Any]) -> dict[str, Any]:
        """Return the slides in order; raise ValueError unless they are numbered from 1."""
        del shown
        if [slide.slide for slide in output.slides] != list(range(1, len(output.slides) + 1)):
            raise ValueError("slides must be numbered from 1 without a gap")
        return {"deck": [slide.model_dump(by_alias=True, exclude_none=True) for slide in output.slides]}
