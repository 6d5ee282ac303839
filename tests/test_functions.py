"""Every function is complete: a missing part is named."""

import pytest

from local.gateway import function_apps
from local.project import PROJECT
from tests.function_parts import actions_of, missing


@pytest.mark.parametrize("name", function_apps.names())
def test_nothing_is_missing_of_a_function(name: str) -> None:
    """Entry point, route, schema, prompt, document, test, price, deployment, room, and its row in the README exist."""
    assert missing(PROJECT, name) == []


def test_the_actions_of_functions_are_found() -> None:
    """The actions in classes and those that callers may name are found, so that each must have a price."""
    functions = PROJECT / "functions"
    assert actions_of(functions / "public_chatbot_chat") == {"ai_chatbot_response"}
    assert actions_of(functions / "scan_processor_v2") == {"ai_scan"}
    assert {"ai_message", "ai_deep_scan", "ai_pitch_deck", "ai_follow_up_sequence"} < actions_of(
        functions / "generate_ai_content"
    )
