"""The language of a text and how it is written."""

from functools import cache
from pathlib import Path

from functions.generate_ai_content.content_types.request import LANGUAGES
from shared.ai.prompt import Prompt, preferred_language
from shared.supabase.configuration import Configuration


def language(asked: str | None, configuration: Configuration) -> str:
    """Return the language asked for, else the workspace's, else `auto`; also for one that there is no guide for."""
    preferred = asked or preferred_language(configuration) or "auto"
    return preferred.lower() if preferred.lower() in LANGUAGES else "auto"


@cache
def guide(folder: Path, name: str) -> str:
    """Return how the language is written; `auto` may end up in Taglish, so its guide comes along."""
    names = ("auto", "taglish") if name == "auto" else (name,)
    return Prompt.load(folder / "languages", *names).text
