"""Two starting points, an empty project and the app's own with data, end in the same state."""

import inspect
import json
import os
import shutil
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from local.commands.cli import dev
from local.migrations import manifest, objects, source
from local.migrations.apply import FOLDER, apply, migrations, status
from local.project import PROJECT
from local.stack.stack import Stack

MakeDatabase = Callable[[], str]
Rows = dict[str, dict[str, dict[str, object]]]

SUPABASE = PROJECT / "node_modules" / ".bin" / "supabase"
CONFIG = PROJECT / "supabase" / "config.toml"
ANA = "00000000-0000-4000-8000-000000000001"
BEN = "00000000-0000-4000-8000-000000000002"
CARLA = "00000000-0000-4000-8000-000000000003"
DAN = "00000000-0000-4000-8000-000000000004"
MOVED = {"ai_usage_logs": "ai_usage_logs_legacy"}


def run_every_file_again(url: str) -> None:
    """Apply all migrations again to a database that has them, as if none were recorded."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("delete from nexscout.migration_files")
    assert apply(url) == migrations()


def supabase_cli(folder: Path, *arguments: str, ours: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the real CLI on a copy of our migrations and the files of a folder, with a separate home."""
    work = folder / "work"
    (work / "supabase").mkdir(parents=True, exist_ok=True)
    if ours:
        shutil.copytree(FOLDER, migrations_folder(folder), dirs_exist_ok=True)
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "DO_NOT_TRACK": "1", "NO_COLOR": "1"}
    return subprocess.run(
        [str(SUPABASE), *arguments, "--yes", "--workdir", str(work)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def migrations_folder(folder: Path) -> Path:
    """Return the CLI's folder of migrations."""
    return folder / "work" / "supabase" / "migrations"


def history(url: str) -> list[tuple[object, ...]]:
    """Return the versions and names in the Supabase CLI's history."""
    with psycopg.connect(url) as connection:
        return connection.execute(
            "select version, name from supabase_migrations.schema_migrations order by version"
        ).fetchall()


def write_the_app_s_files(url: str, folder: Path) -> None:
    """Write a file for every version of a history into the folder, as in the app's own repository."""
    place = migrations_folder(folder)
    place.mkdir(parents=True)
    with psycopg.connect(url) as connection:
        for version, name in connection.execute(
            "select version, name from supabase_migrations.schema_migrations"
        ):
            (place / f"{version}_{name}.sql").write_text("select 1;\n")


def rows_of(url: str) -> Rows:
    """Return every row of the app's tables, by table and by its own text, without later columns."""
    found: Rows = {}
    with psycopg.connect(url) as connection:
        tables = connection.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()
        for (table,) in tables:
            query = psycopg.sql.SQL("select to_jsonb(t) from public.{} t").format(
                psycopg.sql.Identifier(table)
            )
            found[table] = {key_of(row): row for (row,) in connection.execute(query)}
    return found


def key_of(row: dict[str, object]) -> str:
    """Return what distinguishes a row from others of its table."""
    return str(row.get("id") or row.get("user_id") or row.get("workspace_id") or json.dumps(row))


@pytest.fixture
def new_manifest(empty_database: MakeDatabase) -> manifest.Manifest:
    """Return the manifest of the migrations in an empty project."""
    url = empty_database()
    apply(url)
    with psycopg.connect(url) as connection:
        return manifest.read(connection)


def test_manifest_is_current(new_manifest: manifest.Manifest) -> None:
    """The committed manifest is that of the migrations; `python -m local.migrations.manifest` writes it."""
    assert manifest.differences(manifest.load(), new_manifest) == []
    assert manifest.differences(new_manifest, manifest.load()) == []


def test_empty_project_ends_at_manifest(empty_database: MakeDatabase) -> None:
    """An empty project agrees with the manifest, also after every file has run again."""
    url = empty_database()
    assert apply(url) == migrations()
    assert manifest.verify(url) == []
    run_every_file_again(url)
    assert manifest.verify(url) == []


def test_existing_project_ends_at_manifest(existing_database: MakeDatabase) -> None:
    """The app's own project agrees with the manifest, also after every file has run again."""
    url = existing_database()
    apply(url)
    assert manifest.verify(url) == []
    run_every_file_again(url)
    assert manifest.verify(url) == []


def test_existing_project_differs_before(existing_database: MakeDatabase) -> None:
    """Before the migrations the app's own project differs from the manifest, so the check can fail."""
    assert "public.ai_requests is missing." in manifest.verify(existing_database())


def test_each_file_may_run_twice(empty_database: MakeDatabase) -> None:
    """A file that runs again before the next one changes nothing, so a run may stop anywhere."""
    url = empty_database()
    with psycopg.connect(url, autocommit=True) as connection:
        for migration in migrations():
            for _ in range(2):
                connection.execute(migration.script.encode())
    assert manifest.verify(url) == []


@pytest.mark.parametrize("start", ["empty_database", "existing_database"])
def test_migrations_give_what_the_source_says(start: str, request: pytest.FixtureRequest) -> None:
    """Applying the source after the migrations changes no meaning, on either starting point."""
    make: MakeDatabase = request.getfixturevalue(start)
    url = make()
    apply(url)
    with psycopg.connect(url, autocommit=True) as connection:
        given = objects.read(connection)
        source.apply(connection)
        assert objects.different(given, objects.read(connection)) == []
    assert {"function public.ai_reserve(text)", "view public.ai_model_usage_stats"} <= given.keys()


def test_no_version_is_one_of_the_app_s(existing_database: MakeDatabase) -> None:
    """Only the file that was meant to have it has a number that the app has recorded."""
    taken = {version for version, _ in history(existing_database())}
    assert [one.path.name for one in migrations() if one.version in taken] == [
        "20251203120000_create_ai_usage_logs_table.sql"
    ]


def test_recorded_version_hides_nothing(existing_database: MakeDatabase) -> None:
    """A file whose version and name the app has recorded is applied: the app's file was another."""
    url = existing_database()
    assert apply(url) == migrations()
    assert status(url).pending == []


def test_the_app_s_history_stays_its_own(existing_database: MakeDatabase) -> None:
    """If the history belongs to the app, nothing of ours is written into it."""
    url = existing_database()
    before = history(url)
    apply(url)
    assert history(url) == before


def test_file_after_the_recorded_one_does_its_work_again() -> None:
    """The Supabase CLI skips a file whose version the app has recorded: the next file does the same work."""
    first, second = (one for one in migrations() if one.version in ("20251203120000", "20251203120100"))
    assert first.script == second.script


def test_existing_data_is_still_there(existing_database: MakeDatabase) -> None:
    """Every row of the app has all its values after two runs; the old usage rows have another table name."""
    url = existing_database()
    before = rows_of(url)
    apply(url)
    run_every_file_again(url)
    after = rows_of(url)
    for table, rows in before.items():
        for key, row in rows.items():
            kept = after[MOVED.get(table, table)][key]
            assert {column: kept[column] for column in row} == row, table
    assert len(after["ai_usage_logs_legacy"]) == 2


def test_opening_rows_make_the_ledger_agree(existing_database: MakeDatabase) -> None:
    """The ledger of an old account sums to its balance for any old rows, also after a second run."""
    url = existing_database()
    apply(url)
    run_every_file_again(url)
    with psycopg.connect(url) as connection:
        sums = connection.execute(
            """select user_id::text, sum(delta), count(delta) from public.energy_transactions
               group by user_id order by user_id"""
        ).fetchall()
    assert sums == [(ANA, 37, 1), (BEN, 0, 1), (CARLA, 100, 1)]


def test_app_continues_to_work(existing_database: MakeDatabase) -> None:
    """Signing up, with all the app's own triggers, works on a migrated project, now also with the tier free."""
    url = existing_database()
    apply(url)
    with psycopg.connect(url) as connection:
        connection.execute("insert into auth.users (id, email) values (%s, 'dan@example.com')", [DAN])
        connection.execute(
            "insert into public.profiles (id, email, unique_user_id) values (%s, 'dan@example.com', 'NX-4')",
            [DAN],
        )
        tier = connection.execute(
            "select subscription_tier from public.profiles where id = %s", [DAN]
        ).fetchone()
        energy = connection.execute("select current_energy from public.user_energy where user_id = %s", [DAN])
        assert tier == ("free",)
        assert energy.fetchone() == (100,)


@pytest.mark.parametrize("command", [("migration", "up"), ("db", "push")])
def test_supabase_cli_applies_to_empty_project(
    command: tuple[str, ...], empty_database: MakeDatabase, tmp_path: Path
) -> None:
    """The Supabase CLI brings an empty project to the same state; our own run then records the files."""
    url = empty_database()
    done = supabase_cli(tmp_path, *command, f"--remote={url}")
    assert done.returncode == 0, done.stderr
    assert manifest.verify(url) == []
    before = history(url)
    assert apply(url) == migrations()
    assert apply(url) == []
    assert (manifest.verify(url), history(url)) == ([], before)


@pytest.mark.parametrize("command", [("migration", "up"), ("db", "push")])
def test_supabase_cli_has_nothing_left_to_do(
    command: tuple[str, ...], empty_database: MakeDatabase, tmp_path: Path
) -> None:
    """After `nexscout migrate` the Supabase CLI finds an empty project up to date."""
    url = empty_database()
    apply(url)
    done = supabase_cli(tmp_path, *command, f"--remote={url}")
    assert done.returncode == 0, done.stderr
    assert "up to date" in done.stdout + done.stderr


def test_supabase_cli_refuses_the_existing_project(existing_database: MakeDatabase, tmp_path: Path) -> None:
    """The CLI refuses a project whose history it does not know: use `nexscout migrate` there."""
    url = existing_database()
    done = supabase_cli(tmp_path, "migration", "up", f"--remote={url}")
    assert done.returncode != 0
    assert "public.ai_requests is missing." in manifest.verify(url)


@pytest.mark.parametrize("command", [("migration", "up"), ("db", "push")])
def test_the_app_can_still_push(
    command: tuple[str, ...], existing_database: MakeDatabase, tmp_path: Path
) -> None:
    """After `nexscout migrate` the app's own folder, with a new file, can be pushed as before."""
    url = existing_database()
    write_the_app_s_files(url, tmp_path)
    apply(url)
    new = migrations_folder(tmp_path) / "20251212000000_of_the_app.sql"
    new.write_text("create table public.of_the_app ();\n")
    done = supabase_cli(tmp_path, *command, f"--remote={url}", ours=False)
    assert done.returncode == 0, done.stderr
    assert history(url)[-1] == ("20251212000000", "of_the_app")
    assert manifest.verify(url) == []
    assert (status(url).pending, apply(url)) == ([], [])


@pytest.mark.parametrize("migrated_before", [False, True])
def test_supabase_cli_applies_from_the_app_s_own_folder(
    existing_database: MakeDatabase, tmp_path: Path, *, migrated_before: bool
) -> None:
    """With our files in the app's own folder, the CLI brings the existing project to the same state."""
    url = existing_database()
    write_the_app_s_files(url, tmp_path)
    if migrated_before:
        apply(url)
    done = supabase_cli(tmp_path, "migration", "up", "--include-all", f"--remote={url}")
    assert done.returncode == 0, done.stderr
    assert manifest.verify(url) == []
    assert apply(url) == ([] if migrated_before else migrations())
    assert manifest.verify(url) == []


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("db", "push"), "up to date"),
        (("migration", "up"), "up to date"),
        (("migration", "list"), "`20251203125900` | `20251203125900`"),
        (("db", "query", "select count(*) as tiers from public.ai_tiers"), "4"),
    ],
)
def test_supabase_cli_works_beside_the_stack(
    command: tuple[str, ...], said: str, stack: Stack, tmp_path: Path
) -> None:
    """With the committed configuration, except for the port, the CLI works with the stack's database."""
    text = CONFIG.read_text()
    port = str(urlsplit(stack.database_url).port)
    work = tmp_path / "work" / "supabase"
    work.mkdir(parents=True)
    (work / "config.toml").write_text(text.replace("port = 54322", f"port = {port}"))
    done = supabase_cli(tmp_path, *command)
    assert done.returncode == 0, done.stderr
    assert said in done.stdout + done.stderr


def test_configuration_has_the_stack_s_ports() -> None:
    """The committed configuration has the addresses at which `make dev` listens by default."""
    config = tomllib.loads(CONFIG.read_text())
    port = inspect.signature(dev).parameters["port"].default
    assert (config["api"]["port"], config["db"]["port"]) == (port, port + 1)
