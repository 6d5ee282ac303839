"""`nexscout migrate`: what it applies, records, lists and verifies, and its error messages."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from local.migrations.apply import FOLDER, apply, migrations, status
from local.problem import Problem
from tests.local.servers.wrong_password_server import wrong_password_server

MakeDatabase = Callable[[], str]
CREATE = "create table public.one (id integer);\n"


def folder_with(place: Path, **files: str) -> Path:
    """Return a migrations folder; the names of files are given without the ending, after an underscore."""
    for name, script in files.items():
        (place / f"{name.removeprefix('_')}.sql").write_text(script)
    return place


def nexscout(*arguments: str, database_url: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user would."""
    environment = {"PATH": os.environ["PATH"], "NO_COLOR": "1", "COLUMNS": "200"}
    if database_url is not None:
        environment["DATABASE_URL"] = database_url
    return subprocess.run(
        [sys.executable, "-m", "local.commands.cli", "migrate", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=FOLDER.parent.parent,
    )


def history(url: str) -> list[tuple[object, ...]]:
    """Return version, name and first statement in the CLI's history of a database."""
    with psycopg.connect(url) as connection:
        return connection.execute(
            "select version, name, statements[1] from supabase_migrations.schema_migrations order by version"
        ).fetchall()


def notes(url: str) -> list[tuple[object, ...]]:
    """Return our own records of applied files."""
    with psycopg.connect(url) as connection:
        return connection.execute(
            "select version, name, sha256 from nexscout.migration_files order by version"
        ).fetchall()


def change(url: str, statement: str) -> None:
    """Change a database by hand."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


def test_applied_file_is_recorded_with_its_text(empty_database: MakeDatabase, tmp_path: Path) -> None:
    """An applied file is in the table of the Supabase CLI with version, name and text."""
    url = empty_database()
    apply(url, folder_with(tmp_path, _20250101000000_one=CREATE))
    assert history(url) == [("20250101000000", "one", CREATE)]


def test_applied_file_is_noted_with_its_checksum(empty_database: MakeDatabase, tmp_path: Path) -> None:
    """An applied file is in our own table with version, name and SHA-256."""
    url = empty_database()
    apply(url, folder_with(tmp_path, _20250101000000_one=CREATE))
    assert notes(url) == [("20250101000000", "one", hashlib.sha256(CREATE.encode()).hexdigest())]


def test_history_table_is_made_where_missing(empty_database: MakeDatabase, tmp_path: Path) -> None:
    """A database without a history table of the Supabase CLI gets one."""
    url = empty_database()
    change(url, "drop schema if exists supabase_migrations cascade")
    assert [
        one.version for one in status(url, folder_with(tmp_path, _20250101000000_one=CREATE)).pending
    ] == ["20250101000000"]
    apply(url, tmp_path)
    assert history(url) == [("20250101000000", "one", CREATE)]


def test_second_run_applies_nothing(empty_database: MakeDatabase, tmp_path: Path) -> None:
    """A recorded file is not run again, even if running it would fail."""
    url = empty_database()
    folder = folder_with(tmp_path, _20250101000000_one=CREATE)
    apply(url, folder)
    assert apply(url, folder) == []


def test_failing_file_has_no_effect(empty_database: MakeDatabase, tmp_path: Path) -> None:
    """The file before the failing one stays applied; of the failing one not even the first statement."""
    url = empty_database()
    folder = folder_with(
        tmp_path,
        _20250101000000_one=CREATE,
        _20250102000000_two="create table public.two ();\ncreate table public.one ();\n",
    )
    with pytest.raises(Problem, match=r'20250102000000_two\.sql failed.*relation "one" already exists'):
        apply(url, folder)
    assert history(url) == [("20250101000000", "one", CREATE)]
    with psycopg.connect(url) as connection:
        assert connection.execute("select to_regclass('public.two')").fetchone() == (None,)


def test_failing_line_is_named(empty_database: MakeDatabase, tmp_path: Path) -> None:
    """If the server reports the place, the error has the line."""
    folder = folder_with(tmp_path, _20250101000000_one="select 1;\n\nselect nothing_of_that_name;\n")
    with pytest.raises(Problem, match=r"20250101000000_one\.sql failed at line 3: column"):
        apply(empty_database(), folder)


def test_foreign_versions_are_left_alone(empty_database: MakeDatabase, tmp_path: Path) -> None:
    """Versions that the folder lacks neither stop a run nor disappear, and ours are then recorded only in our table."""
    url = empty_database()
    change(
        url,
        """create schema supabase_migrations;
           create table supabase_migrations.schema_migrations
             (version text not null primary key, statements text[], name text);
           insert into supabase_migrations.schema_migrations (version, name) values ('20990101000000', 'app')""",
    )
    folder = folder_with(tmp_path, _20250101000000_one=CREATE)
    apply(url, folder)
    assert status(url, folder).foreign == 1
    assert history(url) == [("20990101000000", "app", None)]
    assert [row[:2] for row in notes(url)] == [("20250101000000", "one")]


def test_recorded_version_is_no_proof(empty_database: MakeDatabase, tmp_path: Path) -> None:
    """A file that only the Supabase CLI's history has, with the same number and name, is applied."""
    url = empty_database()
    change(
        url,
        """create schema if not exists supabase_migrations;
           create table supabase_migrations.schema_migrations
             (version text primary key, name text, statements text[]);
           insert into supabase_migrations.schema_migrations (version, name) values ('20250101000000', 'one')""",
    )
    assert len(apply(url, folder_with(tmp_path, _20250101000000_one=CREATE))) == 1
    with psycopg.connect(url) as connection:
        assert connection.execute("select to_regclass('public.one')::text").fetchone() == ("one",)


def test_changed_file_is_refused_and_named(empty_database: MakeDatabase, tmp_path: Path) -> None:
    """If an applied file has changed, nothing of a run is applied, and the error names the file."""
    url = empty_database()
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    apply(url, tmp_path)
    edited = next(one for one in migrations(tmp_path) if one.name == "requests")
    edited.path.write_text(edited.script + "-- Only a comment.\n")
    folder_with(tmp_path, _20990101000000_new=CREATE)
    with pytest.raises(Problem, match=rf"{edited.path.name}: changed after it was applied"):
        apply(url, tmp_path)
    found = status(url, tmp_path)
    assert ([one.name for one in found.changed], [one.name for one in found.pending]) == (
        ["requests"],
        ["new"],
    )


def test_list_names_a_changed_file(empty_database: MakeDatabase) -> None:
    """--list shows a changed file, and a run ends with 1 and its name."""
    url = empty_database()
    apply(url)
    change(url, "update nexscout.migration_files set sha256 = '' where name = 'requests'")
    assert "changed  20251203121000  requests" in nexscout("--list", database_url=url).stdout
    done = nexscout(database_url=url)
    assert (done.returncode, "20251203121000_requests.sql: changed" in done.stderr) == (1, True)


def test_two_runs_at_once_apply_each_file_once(empty_database: MakeDatabase) -> None:
    """Of two runs started together each file is applied by one, and neither fails."""
    url = empty_database()
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(apply, [url, url])
    assert sorted(one.version for one in first + second) == [one.version for one in migrations()]


def test_busy_table_ends_the_run(empty_database: MakeDatabase, tmp_path: Path) -> None:
    """A run does not wait without end for a table that another session has locked."""
    url = empty_database()
    change(url, CREATE)
    folder = folder_with(tmp_path, _20250101000000_two="alter table public.one add column two text;\n")
    with psycopg.connect(url) as other:
        other.execute("lock table public.one")
        with pytest.raises(Problem, match="waited 50ms for a busy table"):
            apply(url, folder, lock_wait="50ms")


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({}, "There are no migrations"),
        ({"_one": CREATE}, r"one\.sql is not named"),
        ({"_20250101000000_a": CREATE, "_20250101000000_b": CREATE}, "has the version of"),
    ],
)
def test_unusable_folder_is_refused(files: dict[str, str], sentence: str, tmp_path: Path) -> None:
    """A folder without files, a name without version and a version used twice are errors."""
    with pytest.raises(Problem, match=sentence):
        migrations(folder_with(tmp_path, **files))


def test_list_shows_pending_then_applied(empty_database: MakeDatabase) -> None:
    """--list shows what is pending before a run and what is applied after it, and changes nothing itself."""
    url = empty_database()
    pending = nexscout("--list", database_url=url)
    assert pending.returncode == 0
    assert "pending  20251203110000  workspace_tables" in pending.stdout
    assert "applied" not in pending.stdout
    assert nexscout(database_url=url).returncode == 0
    applied = nexscout("--list", database_url=url)
    assert "applied  20251203110000  workspace_tables" in applied.stdout
    assert "pending" not in applied.stdout


def test_run_prints_what_it_did(empty_database: MakeDatabase) -> None:
    """The first run names each file, the second says that there was nothing to do."""
    url = empty_database()
    first = nexscout(database_url=url)
    assert first.stdout.count("applied  ") == len(migrations())
    assert first.stdout.endswith("is up to date.\n")
    assert nexscout(database_url=url).stdout.endswith("was up to date.\n")


@pytest.fixture(scope="module")
def migrated(stack: object, request: pytest.FixtureRequest) -> str:
    """Return the address of the stack's own database, which has all migrations."""
    assert stack
    return str(request.getfixturevalue("stack").database_url)


def test_verify_accepts_a_migrated_database(migrated: str) -> None:
    """--verify ends with 0 if the database is as after the migrations."""
    done = nexscout("--verify", database_url=migrated)
    assert (done.returncode, done.stdout) == (0, "The database is what the migrations give.\n")


def test_verify_names_what_was_changed_by_hand(empty_database: MakeDatabase) -> None:
    """--verify says in one sentence what is missing or different, counts the differences, and ends with 1."""
    url = empty_database()
    apply(url)
    change(url, "alter table public.prospects drop column source")
    done = nexscout("--verify", database_url=url)
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "public.prospects: column source is missing; it should be: text",
        "1 difference. `nexscout migrate` applies what is pending; the rest was changed by hand.",
    ]


@pytest.mark.parametrize(
    ("database_url", "sentence"),
    [
        ("mysql://127.0.0.1/x", "DATABASE_URL is not an address of the form postgresql://"),
        ("nonsense", "DATABASE_URL is not an address of the form postgresql://"),
        (
            "postgresql://u:secret@127.0.0.1:99999/x",
            "DATABASE_URL is not an address of the form postgresql://",
        ),
        ("postgresql://u:secret@127.0.0.1:1/x", "Cannot connect to 127.0.0.1:1/x. Nothing listens there"),
        (
            "postgresql://u:secret@host.invalid/x",
            "Cannot connect to host.invalid:5432/x. There is no host of that",
        ),
    ],
)
@pytest.mark.parametrize("option", [(), ("--list",), ("--verify",)])
def test_unusable_address_is_one_error_message(
    option: tuple[str, ...], database_url: str, sentence: str
) -> None:
    """The error has no traceback and no password, but the reason and the remedy; the exit code is 1."""
    done = nexscout(*option, database_url=database_url)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stderr


def test_missing_database_is_one_error_message(migrated: str) -> None:
    """A server without such a database gives another error than one that is down."""
    done = nexscout(database_url=migrated.rsplit("/", 1)[0] + "/none")
    assert done.returncode == 1
    assert "has no such database or role" in done.stderr


def test_refused_password_is_one_error_message() -> None:
    """The error names the wrong password, and does not show it."""
    with wrong_password_server() as port:
        done = nexscout(database_url=f"postgresql://ana:secret@127.0.0.1:{port}/postgres")
    assert done.returncode == 1
    assert "The database refused the password" in done.stderr
    assert "secret" not in done.stderr


@pytest.mark.parametrize("arguments", [(), ("--list", "--verify", "--database-url", "postgresql://h/d")])
def test_wrong_call_ends_with_two(arguments: tuple[str, ...]) -> None:
    """Without an address, or with two options that exclude each other, the usage is shown and the exit code is 2."""
    done = nexscout(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
