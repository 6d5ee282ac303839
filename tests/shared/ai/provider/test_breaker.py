"""The circuit breaker: when it opens, whom it admits, and what closes it."""

from shared.ai.models.catalogue import Catalogue
from shared.ai.provider.breaker import CircuitBreaker
from tests.shared.clock import HandClock

CATALOGUE = Catalogue.load()
GPT_4O = CATALOGUE.get("gpt-4o")
MINI = CATALOGUE.get("gpt-4o-mini")


def breaker(clock: HandClock) -> CircuitBreaker:
    """Return a breaker that opens after three failures, for ten seconds."""
    return CircuitBreaker(clock, failures_to_open=3, open_seconds=10)


def opened(clock: HandClock) -> CircuitBreaker:
    """Return a breaker that is open for gpt-4o."""
    circuit = breaker(clock)
    for _ in range(3):
        assert circuit.admits(GPT_4O)
        circuit.failed(GPT_4O)
    return circuit


def test_failures_in_a_row_open_the_circuit_of_that_model_alone() -> None:
    """After the third failure gpt-4o is blocked, and the other model is not."""
    circuit = opened(HandClock())
    assert not circuit.admits(GPT_4O)
    assert circuit.seconds_until_probe(GPT_4O) == 10
    assert circuit.admits(MINI)


def test_a_success_in_between_resets_the_count() -> None:
    """Two failures, a success and two failures do not open it."""
    circuit = breaker(HandClock())
    for failing in (True, True, False, True, True):
        assert circuit.admits(GPT_4O)
        (circuit.failed if failing else circuit.succeeded)(GPT_4O)
    assert circuit.admits(GPT_4O)


def test_an_open_circuit_admits_one_probe_after_its_time() -> None:
    """Half open admits one request, and its success closes the circuit."""
    clock = HandClock()
    circuit = opened(clock)
    clock.now += 10
    assert circuit.admits(GPT_4O)
    assert not circuit.admits(GPT_4O)
    circuit.succeeded(GPT_4O)
    assert circuit.admits(GPT_4O)
    assert circuit.admits(GPT_4O)


def test_a_failed_probe_opens_the_circuit_for_another_while() -> None:
    """One failure of the probe opens it again."""
    clock = HandClock()
    circuit = opened(clock)
    clock.now += 10
    assert circuit.admits(GPT_4O)
    circuit.failed(GPT_4O)
    clock.now += 9
    assert not circuit.admits(GPT_4O)
    clock.now += 1
    assert circuit.admits(GPT_4O)


def test_a_probe_that_says_nothing_makes_room_for_the_next() -> None:
    """A caller that disconnects during the probe does not keep the circuit open."""
    clock = HandClock()
    circuit = opened(clock)
    clock.now += 10
    assert circuit.admits(GPT_4O)
    circuit.undecided(GPT_4O)
    assert circuit.admits(GPT_4O)
