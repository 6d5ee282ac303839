"""The simulated provider's plain answers: their text comes from the prompt, their tokens are counted and billed."""

import json

import httpx
import pytest

from tests.local.provider.server import ProviderServer


def test_answer_names_the_prospect_and_quotes_the_notes(simulator: ProviderServer) -> None:
    """The text contains the name and a span of the notes from the prompt."""
    text = simulator.answer()
    assert "Maria Santos" in text
    assert "Pagod na siya sa trabaho at kulang ang sahod" in text


def test_answer_is_english_when_the_prompt_asks_for_english(simulator: ProviderServer) -> None:
    """The language is read from the prompt."""
    messages = [{"role": "user", "content": "Language: english\nName: Ben Cruz\nHe needs extra income."}]
    assert "Thank you" in simulator.answer(messages=messages) or "I know" in simulator.answer(
        messages=messages
    )


@pytest.mark.parametrize(
    "prompt", ['{"prospect": {"name": "Ana Reyes"}}', "Ako si Ana Reyes po", "<name>Ana Reyes</name>"]
)
def test_name_is_found_however_it_is_written(simulator: ProviderServer, prompt: str) -> None:
    """The name is found in JSON, in a sentence and in a tag."""
    assert "Ana Reyes" in simulator.answer(messages=[{"role": "user", "content": prompt}])


def test_nothing_is_quoted_where_nothing_was_said(simulator: ProviderServer) -> None:
    """A prompt with a name alone gets an answer without an empty quotation."""
    text = simulator.answer(messages=[{"role": "user", "content": '{"name": "Ana"}'}])
    assert text.startswith("Hi Ana! Salamat")
    assert "“" not in text


def test_company_is_not_taken_for_the_person(simulator: ProviderServer) -> None:
    """A labelled company or product name is not taken for a person's name."""
    prompt = "Company name: Sinag Insurance\nProduct name: Gold Plan\nProspect name: Leo Ramos"
    assert simulator.answer(messages=[{"role": "user", "content": prompt}]).startswith("Hi Leo Ramos!")


def test_question_is_answered_from_the_given_facts(simulator: ProviderServer) -> None:
    """The answer contains the sentence of the data that fits the newest question, and never instructions."""
    facts = {"faqs": ["Our plan premium starts at 1500 pesos monthly.", "We are open on weekdays."]}
    messages = [
        {"role": "system", "content": "Never tell that the monthly premium of the plan went up."},
        {"role": "user", "content": json.dumps(facts)},
        {"role": "user", "content": "Magkano ang monthly premium ng plan?"},
    ]
    answer = simulator.answer(messages=messages)
    assert "Our plan premium starts at 1500 pesos monthly" in answer
    assert "went up" not in answer
    assert "weekdays" not in answer


def test_data_about_the_seller_is_not_taken_for_the_prospect(simulator: ProviderServer) -> None:
    """Of quoted JSON data only the prospect's record is greeted and quoted, its own words first."""
    records = {
        "seller": {"full_name": "Liza Manalo", "goals": "Kailangan ko ng mas maraming kliyente."},
        "products": [{"name": "Sigla Barley", "benefits": "Less afternoon stress and fatigue."}],
        "prospect": {
            "full_name": "Jun dela Cruz",
            "metadata": {"notes": "Sabi niya: “laging pagod sa biyahe”."},
        },
    }
    messages = [
        {"role": "system", "content": "You write as the seller. The next message is data."},
        {"role": "user", "content": json.dumps(records, separators=(",", ":"))},
    ]
    answer = simulator.answer(messages=messages)
    assert answer.startswith("Hi Jun dela Cruz! Nabasa ko yung sinabi mo: “laging pagod sa biyahe”.")
    assert "Liza" not in answer
    assert "stress" not in answer


def test_same_prompt_gives_the_same_answer(simulator: ProviderServer) -> None:
    """The same prompt gives the same answer twice."""
    assert simulator.answer() == simulator.answer()


def test_usage_counts_by_the_documented_rule(simulator: ProviderServer) -> None:
    """One word of four letters: 3 for the message, 1 for its role, 1 for the word, 3 for the reply."""
    reply = simulator.ask(messages=[{"role": "user", "content": "Hola"}])
    assert reply.usage is not None
    assert reply.usage.prompt_tokens == 8
    assert reply.usage.total_tokens == 8 + reply.usage.completion_tokens


def test_output_limit_cuts_the_answer_and_says_so(simulator: ProviderServer) -> None:
    """«Hi Maria Santos!» is Hi 1, Maria 2, Santos 2, ! 1: five tokens leave the mark out."""
    reply = simulator.ask(max_tokens=5)
    assert reply.choices[0].message.content == "Hi Maria Santos"
    assert reply.choices[0].finish_reason == "length"
    assert reply.usage is not None
    assert reply.usage.completion_tokens == 5


def test_long_prompt_seen_before_is_cached_in_steps_of_128(simulator: ProviderServer) -> None:
    """The second call has cached tokens: at least 1,024, in whole steps, never more than the prompt."""
    messages = [
        {"role": "system", "content": "Our agents help families. " * 400},
        {"role": "user", "content": "Hi"},
    ]
    first, second = (simulator.ask(messages=messages).usage for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.prompt_tokens_details is not None
    assert second.prompt_tokens_details is not None
    assert first.prompt_tokens_details.cached_tokens == 0
    cached = second.prompt_tokens_details.cached_tokens
    assert cached is not None
    assert 1024 <= cached <= second.prompt_tokens
    assert cached % 128 == 0


def test_reasoning_is_part_of_the_completion(simulator: ProviderServer) -> None:
    """A reasoning model at low effort uses 64 reasoning tokens, which are part of its completion tokens."""
    usage = simulator.ask("gpt-5", reasoning_effort="low").usage
    assert usage is not None
    assert usage.completion_tokens_details is not None
    assert usage.completion_tokens_details.reasoning_tokens == 64
    assert usage.completion_tokens > 64


def test_reasoning_that_fills_the_limit_leaves_no_text(simulator: ProviderServer) -> None:
    """As with the real models, reasoning that uses the whole limit is billed and the text is empty."""
    reply = simulator.ask("gpt-5", max_completion_tokens=50)
    assert reply.choices[0].message.content == ""
    assert reply.choices[0].finish_reason == "length"
    assert reply.usage is not None
    assert reply.usage.completion_tokens == 50


def test_claude_reports_no_details(simulator: ProviderServer) -> None:
    """Anthropic's compatible endpoint leaves both details empty."""
    usage = simulator.ask("claude-haiku-4-5").usage
    assert usage is not None
    assert usage.prompt_tokens_details is None
    assert usage.completion_tokens_details is None


def test_reply_has_the_snapshot_and_a_request_id(simulator: ProviderServer) -> None:
    """The reply names the dated model, and the id in its header is the journal's."""
    reply = simulator.ask("gpt-4o")
    assert reply.model == "gpt-4o-2024-08-06"
    assert reply._request_id == simulator.requests()[0]["id"]  # noqa: SLF001  # the SDK documents this name


def test_journal_lists_what_arrived(simulator: ProviderServer) -> None:
    """The journal stores model, status, tokens and the body's hash of each request, and the body if asked for."""
    usage = simulator.ask().usage
    (row,) = simulator.requests()
    assert usage is not None
    assert (row["model"], row["stream"], row["status"], row["fault"]) == ("gpt-4o", False, 200, None)
    assert (row["prompt_tokens"], row["completion_tokens"]) == (usage.prompt_tokens, usage.completion_tokens)
    assert (row["finished"], row["aborted"], len(row["body_sha"])) == (True, False, 64)
    assert "body" not in row
    assert "Maria Santos" in simulator.requests(bodies=True)[0]["body"]


def test_health_models_and_unknown_paths_answer(simulator: ProviderServer) -> None:
    """The health check succeeds, models are listed, and other paths are refused in the provider's shape."""
    assert httpx.get(f"{simulator.url}/health").json() == {"status": "ok"}
    assert "gpt-4o" in [model.id for model in simulator.client.models.list()]
    reply = httpx.post(f"{simulator.url}/v1/nothing")
    assert (reply.status_code, reply.json()["error"]["message"]) == (404, "Invalid URL (POST /v1/nothing)")
