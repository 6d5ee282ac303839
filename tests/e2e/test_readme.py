"""Every command of the README works as described."""

import csv
import json
import re
import subprocess
from pathlib import Path

import pytest

from local.project import PROJECT
from tests.copies import Dev, own_environment

BLOCKS = re.findall(r"```sh\n(.*?)```", (PROJECT / "README.md").read_text(), flags=re.DOTALL)
# These two run until stopped: the fixture `running_dev` runs the first, and the second is running this test.
ELSEWHERE = ["make dev\n", "make test\n"]
PASTED = [block for block in BLOCKS if block not in ELSEWHERE]


def paste(folder: Path, script: str) -> list[str]:
    """Paste into bash; return the printed lines."""
    pasted = subprocess.run(
        ["bash", "-e", "-o", "pipefail"],
        input=script,
        cwd=folder,
        text=True,
        capture_output=True,
        check=False,
        env=own_environment(),
    )
    assert pasted.returncode == 0, pasted.stderr
    return pasted.stdout.splitlines()


def test_make_dev_and_make_test_are_named() -> None:
    """The two commands are alone in their blocks."""
    assert [block for block in BLOCKS if block in ELSEWHERE] == ELSEWHERE


def test_other_make_commands_are_targets() -> None:
    """Every `make` command in the text is a target."""
    named = set(re.findall(r"`make (\w+)", (PROJECT / "README.md").read_text()))
    known = set(re.findall(r"^(\w+):", (PROJECT / "Makefile").read_text(), flags=re.MULTILINE))
    assert named <= known


@pytest.fixture(scope="module")
def energy(running_dev: Dev) -> tuple[int, dict[str, object], list[str]]:
    """Paste the blocks about one call; return the energy before, the reply, and what is read afterwards."""
    call, look = PASTED[0], PASTED[1]
    read_energy = look.partition('curl -s "$SUPABASE_URL/rest/v1/ai_usage_logs')[0]
    [before] = paste(running_dev.folder, signed_in() + read_energy)
    printed = paste(running_dev.folder, f"{call}\necho\n{look}")
    return json.loads(before)[0]["current_energy"], json.loads(printed[0]), printed[1:]


def test_pasted_call_gives_a_message(energy: tuple[int, dict[str, object], list[str]]) -> None:
    """The reply has the fields that the README shows."""
    _, reply, _ = energy
    assert reply["success"] is True
    assert reply["message"]
    assert reply["modelName"] == "gpt-4o"


def test_pasted_call_costs_ten_energy_and_leaves_a_row(
    energy: tuple[int, dict[str, object], list[str]],
) -> None:
    """A premium message costs 10; the usage row says so too."""
    before, reply, looked = energy
    left, rows = json.JSONDecoder().raw_decode(looked[0])[0], looked[-1]
    assert left == [{"current_energy": before - 10}]
    [row] = json.loads(rows[rows.index('[{"action') :])
    assert (row["action"], row["model"], row["energy_consumed"]) == ("ai_message", "gpt-4o", 10)
    assert row["tokens_total"] == reply["tokensUsed"]


def test_pasted_visitor_message_is_streamed(running_dev: Dev) -> None:
    """The block about the chat page prints the events of an answer by a model."""
    [block] = [block for block in PASTED if "public-chatbot-chat" in block]
    printed = "\n".join(paste(running_dev.folder, block)).split("\n\n")
    events = [json.loads(event.removeprefix("data: ")) for event in printed if event]
    assert [events[0]["type"], events[-1]["type"]] == ["meta", "done"]
    assert (events[-1]["handledBy"], events[-1]["fallback"]) == ("ai", False)


def signed_in() -> str:
    """Return the start of the first block, which sets the token that later blocks of the same terminal use."""
    return str(PASTED[0]).partition('curl -s "$SUPABASE_URL/functions')[0]


def test_pasted_scan_finds_both_people_and_exports_them(running_dev: Dev) -> None:
    """The block about scanning prints the counts, and a table with one line for each person."""
    [block] = [block for block in PASTED if "scan-processor-v2" in block]
    printed = "\n".join(paste(running_dev.folder, signed_in() + block))
    reply, end = json.JSONDecoder().raw_decode(printed)
    assert (reply["success"], reply["prospectsFound"]) == (True, 2)
    people = csv.DictReader(printed[end:].strip().splitlines())
    assert sorted(person["name"] for person in people) == ["Liza Cruz", "Ramon Diaz"]


def test_pasted_local_invocation_is_the_demo_users(running_dev: Dev) -> None:
    """The framework needs no credentials: it calls the handler, and prints the reply after the log."""
    [block] = [block for block in PASTED if "osls invoke local" in block]
    printed = "\n".join(paste(running_dev.folder, block))
    answer = json.loads(printed[printed.index("{\n") :])
    assert (answer["statusCode"], json.loads(answer["body"])["success"]) == (200, True)


def test_every_other_block_runs(running_dev: Dev) -> None:
    """The other commands succeed, one block after another in the same terminal."""
    for block in PASTED[2:]:
        assert paste(running_dev.folder, signed_in() + block)
