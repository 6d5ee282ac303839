"""Each exception has the contract's status, code, message and body."""

import json

import pytest

from shared import errors

CONTRACT = [
    (errors.InvalidRequest(), 400, "invalid_request"),
    (errors.UnknownGenerationType(), 400, "unknown_generation_type"),
    (errors.UnknownAction(), 400, "unknown_action"),
    (errors.UnknownModel(), 400, "unknown_model"),
    (errors.UnknownPrice(), 400, "unknown_price"),
    (errors.Unauthorized(), 401, "unauthorized"),
    (errors.InsufficientEnergy(required=10, available=5), 402, "insufficient_energy"),
    (errors.InsufficientCoins(required=20, available=3), 402, "insufficient_coins"),
    (errors.SpendCapReached(), 402, "spend_cap_reached"),
    (errors.UpgradeRequired(), 403, "upgrade_required"),
    (errors.Forbidden(), 403, "forbidden"),
    (errors.ProspectNotFound(), 404, "prospect_not_found"),
    (errors.SessionNotFound(), 404, "session_not_found"),
    (errors.ScanNotFound(), 404, "scan_not_found"),
    (errors.ChatbotNotFound(), 404, "chatbot_not_found"),
    (errors.ConversationNotFound(), 404, "conversation_not_found"),
    (errors.RequestNotFound(), 404, "request_not_found"),
    (errors.IdempotencyConflict(), 409, "idempotency_conflict"),
    (errors.RequestInProgress(retry_after_seconds=2), 409, "request_in_progress"),
    (errors.PayloadTooLarge(), 413, "payload_too_large"),
    (errors.ContentRefused(), 422, "content_refused"),
    (errors.RateLimited(retry_after_seconds=30), 429, "rate_limited"),
    (errors.ClientClosed(), 499, "client_closed"),
    (errors.InternalError(), 500, "internal_error"),
    (errors.ProviderError(), 502, "provider_error"),
    (errors.ProviderUnavailable(retry_after_seconds=20), 503, "provider_unavailable"),
    (errors.ServiceUnavailable(), 503, "service_unavailable"),
    (errors.DeadlineExceeded(), 504, "deadline_exceeded"),
]


@pytest.mark.parametrize(("error", "status", "code"), CONTRACT, ids=[code for _, _, code in CONTRACT])
def test_an_error_has_the_status_and_code_of_the_contract(
    error: errors.NexscoutError, status: int, code: str
) -> None:
    """Clients distinguish errors by these two, so they never change."""
    assert (error.status, error.code) == (status, code)
    assert error.body("r")["code"] == code


def test_the_table_above_names_every_error_of_the_module() -> None:
    """A new class in the module needs a row above."""
    named = {type(error) for error, _, _ in CONTRACT}
    defined = {
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.NexscoutError)
    }
    assert defined - named == {errors.NexscoutError, errors.RetryLater}


def test_the_body_has_the_contracts_fields_in_json() -> None:
    """Every error has the same fields, with `details` null where there are none."""
    assert json.loads(json.dumps(errors.ProspectNotFound().body("req-1"))) == {
        "success": False,
        "error": "Prospect not found",
        "code": "prospect_not_found",
        "requestId": "req-1",
        "details": None,
    }


def test_short_energy_has_the_exact_message_and_the_fields_of_the_older_client() -> None:
    """The deployed client shows the message and opens its shop by `requiresEnergy`."""
    assert errors.InsufficientEnergy(required=10, available=5).body("r") == {
        "success": False,
        "error": "Insufficient energy. Required: 10, Available: 5",
        "code": "insufficient_energy",
        "requestId": "r",
        "details": None,
        "requiresEnergy": True,
        "requiredEnergy": 10,
        "currentEnergy": 5,
    }


def test_short_coins_report_required_and_available_coins() -> None:
    """Coins are reported as energy is."""
    body = errors.InsufficientCoins(required=20, available=3).body("r")
    assert body["error"] == "Insufficient coins. Required: 20, Available: 3"
    assert (body["requiresCoins"], body["requiredCoins"], body["currentCoins"]) == (True, 20, 3)


def test_an_invalid_request_names_each_field() -> None:
    """A form can show each error beside its field."""
    fault = errors.FieldError(field="tone", message="is not a known tone", allowed=["warm", "direct"])
    assert errors.InvalidRequest(details=[fault]).body("r")["details"] == [
        {"field": "tone", "message": "is not a known tone", "allowed": ["warm", "direct"]}
    ]


def test_an_own_sentence_replaces_the_usual_one() -> None:
    """Features give the reason in their own words."""
    sentence = "Sequences are only available for Pro and Elite subscribers"
    error = errors.UpgradeRequired(sentence)
    assert (error.message, str(error), error.body("r")["error"]) == (sentence, sentence, sentence)


def test_an_empty_sentence_is_a_value() -> None:
    """Only None means the usual message."""
    assert errors.Forbidden("").message == ""


def test_extra_fields_never_replace_the_fixed_ones() -> None:
    """A mistake in `extra` cannot turn a failure into a success."""
    body = errors.Forbidden(extra={"success": True, "code": "ok", "hint": 1}).body("r")
    assert (body["success"], body["code"], body["hint"]) == (False, "forbidden", 1)


@pytest.mark.parametrize(
    "kind", [errors.RequestInProgress, errors.RateLimited, errors.ProviderUnavailable], ids=lambda k: k.code
)
def test_a_temporary_refusal_says_when_to_retry(kind: type[errors.RetryLater]) -> None:
    """The reply's Retry-After needs a number, so these cannot be raised without one."""
    assert kind(retry_after_seconds=7).retry_after_seconds == 7


def test_other_errors_do_not_ask_to_retry() -> None:
    """Without a number there is no Retry-After."""
    assert errors.Unauthorized().retry_after_seconds is None
