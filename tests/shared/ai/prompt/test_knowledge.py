"""What a prompt contains: chosen fields, even if browsers have stored other values around them."""

from typing import Any

import pytest

from shared.ai.prompt.knowledge import (
    custom_instructions,
    preferred_language,
    preferred_tone,
    prospect_data,
    workspace_data,
)
from shared.supabase.configuration import Configuration


def configured(**sections: object) -> Configuration:
    """Return a configuration with these sections."""
    return Configuration("user", 1, sections)


def test_company_products_seller_and_voice_are_given() -> None:
    """The company's own profile replaces the workspace's older form; ids and empty values are omitted."""
    data = workspace_data(
        configured(
            profile={"full_name": "Liza", "company": ""},
            workspace={"company": {"name": "Sigla", "industry": "mlm"}, "tone_profile": {"tone": "warm"}},
            company={"id": "c1", "industry": "wellness"},
            intelligence={"brand_voice": {"style": "light"}},
            products=[{"name": "Barley", "base_price": 1450, "personas": []}],
        )
    )
    assert data == {
        "seller": {"full_name": "Liza"},
        "company": {"name": "Sigla", "industry": "wellness"},
        "products": [{"name": "Barley", "base_price": 1450}],
        "voice": {"tone": {"tone": "warm"}, "brand": {"style": "light"}},
    }


def test_what_is_not_filled_in_is_omitted() -> None:
    """An empty profile gives no made-up "My Company"."""
    assert workspace_data(configured()) == {}
    assert custom_instructions(configured()) == ""
    assert (preferred_language(configured()), preferred_tone(configured())) == (None, None)


@pytest.mark.parametrize("odd", [[1], "text", 7, True, [], ""])
def test_a_column_that_holds_no_object_counts_as_empty(odd: object) -> None:
    """Users write these jsonb columns, which accept lists, texts and numbers too."""
    inner = configured(
        workspace={"company": odd, "tone_profile": odd, "custom_instructions": odd},
        company=odd,
        intelligence=odd,
        ai_settings=odd,
    )
    assert "company" not in workspace_data(inner)
    assert custom_instructions(inner) == ""
    assert (preferred_language(inner), preferred_tone(inner)) == (None, None)
    assert workspace_data(configured(workspace=odd)) == {}
    assert prospect_data({"full_name": "Maria", "metadata": odd}) == {"full_name": "Maria"}


def test_contact_details_of_a_prospect_are_left_out() -> None:
    """Contact details are not sent to the provider, at any depth, as no text needs them."""
    prospect: dict[str, Any] = {
        "id": "p1",
        "user_id": "u1",
        "full_name": "Maria Santos",
        "email": "maria@example.com",
        "phone": "+639171234567",
        "metadata": {
            "notes": "pagod",
            "email": "m@example.com",
            "phone": "0917",
            "contacts": [1],
            "contact": 2,
            "social": {"handle": "@maria", "Phone": "0917"},
            "cards": [{"title": "nurse", "mobile": "0918"}],
        },
    }
    kept = {"notes": "pagod", "social": {"handle": "@maria"}, "cards": [{"title": "nurse"}]}
    assert prospect_data(prospect) == {"full_name": "Maria Santos", "metadata": kept}
    assert prospect_data(None) is None


def test_custom_instructions_are_the_active_ones_and_the_older_form() -> None:
    """The owner's instructions are kept in order, at most 4,000 characters; values that are not text are omitted."""
    both = configured(
        instructions=["Call me Ate.", "No emoji."],
        workspace={"custom_instructions": {"a": "Be brief.", "b": 5}},
    )
    assert custom_instructions(both) == "Call me Ate.\nNo emoji.\nBe brief."
    assert len(custom_instructions(configured(instructions=["x" * 9000]))) == 4000


def test_settings_win_over_the_older_tone_profile() -> None:
    """Where the newer settings have a value, it replaces the older one."""
    workspace = {"tone_profile": {"language": "english", "tone": "direct"}}
    newer = configured(ai_settings={"language": "taglish", "tone": "warm"}, workspace=workspace)
    older = configured(ai_settings={"language": None, "tone": ""}, workspace=workspace)
    assert (preferred_language(newer), preferred_tone(newer)) == ("taglish", "warm")
    assert (preferred_language(older), preferred_tone(older)) == ("english", "direct")
