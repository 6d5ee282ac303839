"""What a database must contain for the functions to work: objects, their parts, and their definitions.

Tables that the app had before are shared: other things that it has in them do not matter, and what differs
from one project to another (names of constraints, long JSON defaults, which function makes a uuid) is left
out. All other tables are ours, and must have nothing missing, different or additional.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg

from local.connect import connect
from local.migrations.apply import apply
from local.migrations.empty_project import empty_projects
from local.migrations.meaning import meaning
from local.project import PROJECT

FILE = PROJECT / "supabase" / "manifest.json"

Manifest = dict[str, dict[str, str]]
FACTS = Path(__file__).with_name("manifest.sql")
GRANTED = "granted to "
POLICY = "policy "
NOTHING = "nothing"
SHARED = [
    "public.admin_users",
    "public.ai_generations",
    "public.chatbot_links",
    "public.chatbot_settings",
    "public.chatbot_to_prospect_pipeline",
    "public.coin_transactions",
    "public.company_intelligence_v2",
    "public.company_profiles",
    "public.energy_costs",
    "public.energy_transactions",
    "public.notifications",
    "public.products",
    "public.profiles",
    "public.prospects",
    "public.public_chat_messages",
    "public.public_chat_sessions",
    "public.public_chatbot_training_data",
    "public.scan_processed_items",
    "public.scan_results",
    "public.scan_status",
    "public.scans",
    "public.user_energy",
    "public.workspace_configs",
]


def read(connection: psycopg.Connection) -> Manifest:
    """Return everything in the schemas `public` and `nexscout`, as the server describes it."""
    with connection.transaction():
        # With an empty search path the server prints every name qualified, for every role.
        connection.execute("set local search_path = ''")
        rows = connection.execute(FACTS.read_bytes(), (SHARED,)).fetchall()
    manifest: Manifest = {}
    for thing, part, condition in rows:
        manifest.setdefault(thing, {})[part] = meaning(condition) if part.startswith(POLICY) else condition
    return manifest


def verify(database_url: str) -> list[str]:
    """Return what a database lacks or has in another form than after the migrations, one sentence each.

    Raises:
        Problem: when the database cannot be reached.
    """
    with connect(database_url) as connection:
        return differences(load(), read(connection))


def differences(wanted: Manifest, live: Manifest) -> list[str]:
    """Return one sentence for each difference, in the order of the objects' names."""
    return [
        sentence for thing in sorted(wanted) for sentence in differing(thing, wanted[thing], live.get(thing))
    ]


def differing(thing: str, wanted: dict[str, str], live: dict[str, str] | None) -> Iterator[str]:
    """Yield the sentences about one object."""
    if live is None:
        yield f"{thing} is missing."
        return
    for part, condition in sorted(wanted.items()):
        if part not in live:
            yield f"{thing}: {part} is missing; it should be: {condition}"
        elif part.startswith(GRANTED):
            yield from (f"{thing}: {verb} is not {part}." for verb in lacking(condition, live[part]))
        elif live[part] != condition:
            yield f"{thing}: {part} is: {live[part]}; it should be: {condition}"
    if thing not in SHARED:
        yield from (f"{thing}: {part} should not be there." for part in sorted(live.keys() - wanted.keys()))


def lacking(wanted: str, live: str) -> list[str]:
    """Return the verbs that a key should have on a table and does not have.

    Additional ones are no difference: hosted projects grant everything by default, and row security decides.
    """
    return [verb for verb in wanted.split(", ") if verb not in live.split(", ") and verb != NOTHING]


def load() -> Manifest:
    """Return the manifest of the migrations in this checkout."""
    manifest: Manifest = json.loads(FILE.read_text(encoding="utf-8"))
    return manifest


def dump(manifest: Manifest) -> str:
    """Return the text of the file; the same manifest gives the same text."""
    return json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the manifest of a new, empty project with all migrations of this checkout."""
    with empty_projects() as make:
        url = make()
        apply(url)
        with psycopg.connect(url) as connection:
            FILE.write_text(dump(read(connection)), encoding="utf-8")


if __name__ == "__main__":
    main()
