"""Two starting points, an empty project and the app's own with data, end at the same state."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from local.migrations import manifest
from local.migrations.apply import FOLDER, apply, migrations, status

MakeDatabase = Callable[[], str]
Rows = dict[str, dict[str, dict[str, object]]]

SUPABASE = Path(__file__).resolve().parents[2] / "node_modules" / ".bin" / "supabase"
ANA = "00000000-0000-4000-8000-000000000001"
BEN = "00000000-0000-4000-8000-000000000002"
CARLA = "00000000-0000-4000-8000-000000000003"
DAN = "00000000-0000-4000-8000-000000000004"
MOVED = {"ai_usage_logs": "ai_usage_logs_legacy"}


def run_every_file_again(url: str) -> None:
    """Apply all migrations to a database that has them, as if its history had been lost."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("delete from supabase_migrations.schema_migrations")
    assert apply(url) == migrations()


def supabase_cli(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the real CLI on our migrations, copied to what the folder has, with a home of its own."""
    work = folder / "work"
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
    """Where the CLI looks for migrations."""
    return folder / "work" / "supabase" / "migrations"


def write_the_app_s_files(url: str, folder: Path) -> None:
    """Put a file for every version in a history into the folder, as the app's own repository has it."""
    place = migrations_folder(folder)
    place.mkdir(parents=True)
    with psycopg.connect(url) as connection:
        for version, name in connection.execute(
            "select version, name from supabase_migrations.schema_migrations"
        ):
            (place / f"{version}_{name}.sql").write_text("select 1;\n")


def rows_of(url: str) -> Rows:
    """Every row of the app's tables, by table and by its own text, without the columns that came later."""
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
    """What tells a row from others of its table."""
    return str(row.get("id") or row.get("user_id") or row.get("workspace_id") or json.dumps(row))


@pytest.fixture
def new_manifest(empty_database: MakeDatabase) -> manifest.Manifest:
    """All that the migrations make in an empty project."""
    url = empty_database()
    apply(url)
    with psycopg.connect(url) as connection:
        return manifest.read(connection)


def test_manifest_is_current(new_manifest: manifest.Manifest) -> None:
    """The committed manifest is what the migrations give; `python -m local.migrations.manifest` writes it anew."""
    assert manifest.differences(manifest.load(), new_manifest) == []
    assert manifest.differences(new_manifest, manifest.load()) == []


def test_empty_project_ends_at_manifest(empty_database: MakeDatabase) -> None:
    """An empty project becomes what the manifest says, and stays so when every file runs again."""
    url = empty_database()
    assert apply(url) == migrations()
    assert manifest.verify(url) == []
    run_every_file_again(url)
    assert manifest.verify(url) == []


def test_existing_project_ends_at_manifest(existing_database: MakeDatabase) -> None:
    """The app's own project becomes what the manifest says, and stays so when every file runs again."""
    url = existing_database()
    apply(url)
    assert manifest.verify(url) == []
    run_every_file_again(url)
    assert manifest.verify(url) == []


def test_existing_project_differs_before(existing_database: MakeDatabase) -> None:
    """Before the migrations the app's own project is not what the manifest says: the check can fail."""
    assert "public.ai_requests is missing." in manifest.verify(existing_database())


def test_recorded_version_does_not_hide_missing_table(existing_database: MakeDatabase) -> None:
    """A version recorded as applied that failed there is made good by the file after it."""
    url = existing_database()
    assert "20251203120000" not in [migration.version for migration in apply(url)]
    with psycopg.connect(url) as connection:
        assert connection.execute("select request_id from public.ai_usage_logs").fetchall() == []


def test_existing_data_is_still_there(existing_database: MakeDatabase) -> None:
    """Every row the app had is kept with every value, twice over; the old usage rows under another name."""
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
    """The ledger of an old account sums to its balance whatever the old rows say, also after a second run."""
    url = existing_database()
    apply(url)
    run_every_file_again(url)
    with psycopg.connect(url) as connection:
        sums = connection.execute(
            """select user_id::text, sum(delta), count(delta) from public.energy_transactions
               group by user_id order by user_id"""
        ).fetchall()
    assert sums == [(ANA, 37, 1), (BEN, 0, 1), (CARLA, 100, 1)]


def test_app_goes_on_working(existing_database: MakeDatabase) -> None:
    """Signing up, with all the app's own triggers, works on a migrated project, now also on the tier free."""
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


def test_supabase_cli_applies_to_empty_project(empty_database: MakeDatabase, tmp_path: Path) -> None:
    """The Supabase CLI brings an empty project to the same state, and both tools agree on what is applied."""
    url = empty_database()
    done = supabase_cli(tmp_path, "migration", "up", f"--remote={url}")
    assert done.returncode == 0, done.stderr
    assert manifest.verify(url) == []
    assert status(url).pending == []
    assert apply(url) == []


def test_supabase_cli_has_nothing_left_to_do(empty_database: MakeDatabase, tmp_path: Path) -> None:
    """After `nexscout migrate` the Supabase CLI finds the project up to date."""
    url = empty_database()
    apply(url)
    done = supabase_cli(tmp_path, "migration", "up", f"--remote={url}")
    assert done.returncode == 0, done.stderr
    assert "up to date" in done.stdout + done.stderr


def test_supabase_cli_refuses_the_existing_project(existing_database: MakeDatabase, tmp_path: Path) -> None:
    """The CLI does not touch a project whose history it does not know: there `nexscout migrate` is the way."""
    url = existing_database()
    done = supabase_cli(tmp_path, "migration", "up", f"--remote={url}")
    assert done.returncode != 0
    assert "public.ai_requests is missing." in manifest.verify(url)


def test_supabase_cli_applies_from_the_app_s_own_folder(
    existing_database: MakeDatabase, tmp_path: Path
) -> None:
    """With our files beside the app's own, the CLI brings the existing project to the same state."""
    url = existing_database()
    write_the_app_s_files(url, tmp_path)
    done = supabase_cli(tmp_path, "migration", "up", "--include-all", f"--remote={url}")
    assert done.returncode == 0, done.stderr
    assert manifest.verify(url) == []
    assert status(url).pending == []
