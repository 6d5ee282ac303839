"""The unmodified client library of the web app, against the stack."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from local.seed import DEMO
from local.stack.stack import Stack
from tests.provider import Provider

SCRIPT = Path(__file__).with_name("supabase_client.mjs")
MARIA = "d0000000-0000-4000-8000-000000000001"


def start(stack: Stack, scenario: str) -> subprocess.Popen[str]:
    """Start one scenario as the demo user."""
    env = {
        "PATH": os.environ["PATH"],
        "SUPABASE_URL": stack.url,
        "SUPABASE_PUBLISHABLE_KEY": stack.publishable_key,
        "EMAIL": DEMO.email,
        "PASSWORD": DEMO.password,
        "PROSPECT_ID": MARIA,
    }
    return subprocess.Popen(
        ["node", SCRIPT, scenario], env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


def run(stack: Stack, scenario: str) -> dict[str, Any]:
    """Return what a scenario prints."""
    with start(stack, scenario) as process:
        printed, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    result: dict[str, Any] = json.loads(printed)
    return result


def test_demo_user_signs_in(stack: Stack) -> None:
    """SignInWithPassword returns a session of the demo user."""
    assert run(stack, "signIn") == {"id": stack.people[DEMO.email], "email": DEMO.email, "token": True}


def test_signed_in_user_gets_a_message(stack: Stack) -> None:
    """functions.invoke returns the message under every name that callers use."""
    result = run(stack, "success")
    assert "error" not in result, result
    data = result["data"]
    assert data["success"] is True
    assert data["output"]["message"] == data["message"] == data["content"] != ""


def test_signed_in_user_talks_with_the_assistant(stack: Stack) -> None:
    """The client continues a conversation, reads its rows, cannot write any, and deletes the conversation."""
    result = run(stack, "assistant")
    first, second = result["first"]["data"], result["second"]["data"]
    assert first["conversationId"] == second["conversationId"]
    assert result["stored"] == [
        {"role": "user", "content": "Sino ang uunahin ko?"},
        {"role": "assistant", "content": first["response"]},
        {"role": "user", "content": "Bakit siya?"},
        {"role": "assistant", "content": second["response"]},
    ]
    assert result["added"] is True
    assert (result["deleted"]["status"], result["deleted"]["body"]["code"]) == (404, "conversation_not_found")


def test_fault_14_refused_call_has_a_readable_body(stack: Stack) -> None:
    """A FunctionsHttpError contains our error, with a message and a stable code (fault 14)."""
    result = run(stack, "refused")
    assert (result["error"], result["status"]) == ("FunctionsHttpError", 400)
    assert result["body"]["code"] == "unknown_generation_type"
    assert isinstance(result["body"]["error"], str)


def test_caller_without_session_is_unauthorized(stack: Stack) -> None:
    """Before sign-in the client sends the publishable key, which is not a user."""
    result = run(stack, "anonymous")
    assert (result["error"], result["status"]) == ("FunctionsHttpError", 401)
    assert result["body"]["error"] == "Unauthorized"


def test_missing_function_is_a_relay_error(stack: Stack) -> None:
    """The gateway's error differs from a function's."""
    result = run(stack, "missing")
    assert (result["error"], result["status"]) == ("FunctionsRelayError", 404)
    assert result["body"]["code"] == "function_not_found"


def test_aborted_call_ends_at_once(stack: Stack, provider: Provider) -> None:
    """The abort signal ends a call whose provider hangs."""
    provider.fail({"kind": "hang"})
    with start(stack, "aborted") as process:
        while not provider.requests():
            assert process.poll() is None
        printed, _ = process.communicate("abort\n", timeout=20)
    result = json.loads(printed)
    assert (result["error"], result["cause"]) == ("FunctionsFetchError", "AbortError")


def test_fetch_with_the_flat_shape_gets_text(stack: Stack) -> None:
    """The orchestrator call with fields at the top level is answered."""
    result = run(stack, "flat")
    assert result["status"] == 200
    assert result["body"]["success"] is True
    assert result["body"]["content"]
