"""Reading the input of a scan: rows per second and memory, as the input grows."""

import itertools
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from functions.scan_processor_v2.reading.duplicate import deduplicated
from functions.scan_processor_v2.reading.record import Record, blocks
from functions.scan_processor_v2.reading.table import csv_records
from functions.scan_processor_v2.reading.text import text_records
from functions.scan_processor_v2.scoring.rules import rule_items

SIZES = (1_000, 10_000, 100_000)
SCORED_SIZES = (1_000, 5_000)
_SURNAMES = (
    "Santos",
    "Reyes",
    "Cruz",
    "Bautista",
    "dela Peña",
    "Garcia",
    "Uy",
    "Villanueva",
    "Lim",
    "Mendoza",
)
_NOTES = ("kailangan ng extra income asap", "hirap sa bills", "may sari-sari store", "OFW, gusto ng lote", "")

Reading = Callable[[int], Iterable[object]]


@dataclass(frozen=True)
class ReadingFigures:
    """The time and the peak memory of reading an input with `people` people."""

    what: str
    people: int
    seconds: float
    peak_mb: float

    @property
    def per_second(self) -> float:
        """Return the number of people read per second."""
        return self.people / self.seconds

    @property
    def microseconds_each(self) -> float:
        """Return the time for one of them; it is constant if the time grows linearly."""
        return self.seconds / self.people * 1_000_000


def reading_figures() -> Iterator[ReadingFigures]:
    """Measure each way of reading at growing sizes: first the time, then the memory in a separate run."""
    readings: tuple[tuple[str, Reading, tuple[int, ...]], ...] = (
        ("CSV into blocks", csv_blocks, SIZES),
        ("text into blocks", text_blocks, SIZES),
        ("CSV into blocks, scored by rules", scored_blocks, SCORED_SIZES),
    )
    for what, read, sizes in readings:
        _exhaust(read(100))
        for people in sizes:
            started = time.perf_counter()
            _exhaust(read(people))
            seconds = time.perf_counter() - started
            yield ReadingFigures(what, people, seconds, _peak_mb(read, people))


def csv_blocks(people: int) -> Iterator[list[Record]]:
    """Read a file with `people` rows, in pieces, into blocks as they are stored."""
    return blocks(deduplicated(csv_records(csv_pieces(people)), Counter()))


def text_blocks(people: int) -> Iterator[list[Record]]:
    """Read a pasted list with `people` lines, which is in memory as a whole, into blocks."""
    lines = (f"{name} - {note} {phone}" for name, phone, _, note in _people(people))
    return blocks(deduplicated(text_records("\n".join(lines)), Counter()))


def scored_blocks(people: int) -> Iterator[object]:
    """Read a file and score its rows by rules, including contacts found by the telephone number library."""
    return (rule_items(block) for block in csv_blocks(people))


def csv_pieces(people: int) -> Iterator[bytes]:
    """Return a file with `people` rows in pieces, as storage returns it."""
    yield b"Pangalan,Numero,Email,Notes\n"
    rows = (",".join(row) + "\n" for row in _people(people))
    while part := "".join(itertools.islice(rows, 1_000)):
        yield part.encode()


def _people(count: int) -> Iterator[tuple[str, str, str, str]]:
    for number in range(count):
        name = f"Maria {_SURNAMES[number % 10]} {_SURNAMES[number // 10 % 10]}"
        email = f"maria{number}@gmail.com" if number % 3 else ""
        yield name, f"0917{number:07d}", email, _NOTES[number % 5]


def _peak_mb(read: Reading, people: int) -> float:
    tracemalloc.start()
    _exhaust(read(people))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1_000_000


def _exhaust(items: Iterable[object]) -> None:
    for _ in items:
        pass
