"""The language of a text and how it is written."""

from functools import cache
from pathlib import Path

from functions.generate_ai_content.content_types.request import LANGUAGES
from shared.ai.prompt import Prompt, preferred_language
from shared.supabase.configuration import Configuration


def language(requested: str | None, configuration: Configuration) -> str:
    """Return the requested language, else the workspace's, else `auto`, also instead of one without a guide."""
    preferred = requested or preferred_language(configuration) or "auto"
    return preferred.lower() if preferred.lower() in LANGUAGES else "auto"


@cache
def guide(folder: Path, name: str) -> str:
    """Return the guide of the language; `auto` includes the guide of Taglish, which it may choose."""
    names = ("auto", "taglish") if name == "auto" else (name,)
    return Prompt.load(folder / "languages", *names).text
