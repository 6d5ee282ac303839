"""The bucket of scan input, in databases with Supabase Storage: who may do what with which file."""

from collections.abc import Callable, Iterator

import psycopg
import pytest

from local.migrations import source
from local.migrations.apply import FOLDER, apply, migrations
from local.project import PROJECT
from local.servers.postgres import ADMIN
from tests.sql.roles import KEYS, OTHER, OWNER, Key, acting_as, make_users, undone

MakeDatabase = Callable[[], str]
STORAGE = PROJECT / "local" / "migrations" / "storage.sql"
SCRIPTS = [FOLDER / "20251203125000_scan_uploads_bucket.sql", source.FOLDER / "scan" / "uploads.sql"]
BUCKET = ("scan-uploads", False, 50_000_000, None)

# A cell has select, insert, update and delete, as in test_row_security.
EXPECTED = """
file                        owner  other  administrator  anonymous  service
scan-uploads {owner}/a.csv  SIUD   -x--   -x--           -x--       SIUD
scan-uploads {owner}/b/a    SIUD   -x--   -x--           -x--       SIUD
scan-uploads {other}/a.csv  -x--   SIUD   -x--           -x--       SIUD
scan-uploads a.csv          -x--   -x--   -x--           -x--       SIUD
scan-uploads {owner}        -x--   -x--   -x--           -x--       SIUD
scan-uploads {owner}.csv/a  -x--   -x--   -x--           -x--       SIUD
scan-uploads x/{owner}/a    -x--   -x--   -x--           -x--       SIUD
scan-uploads /a.csv         -x--   -x--   -x--           -x--       SIUD
avatars {owner}/a.csv       -x--   -x--   -x--           -x--       SIUD
"""
CELLS = [
    line.replace("{owner}", OWNER).replace("{other}", OTHER).split() for line in EXPECTED.split("\n")[2:-1]
]

INSERT = "insert into storage.objects (bucket_id, name) values (%s, %s)"
VERBS = {
    "S": "select from storage.objects where bucket_id = %s and name = %s",
    "I": INSERT,
    "U": "update storage.objects set metadata = '{}' where bucket_id = %s and name = %s",
    "D": "delete from storage.objects where bucket_id = %s and name = %s",
}


POLICIES = """select policyname, cmd, roles, qual, with_check from pg_policies
              where schemaname = 'storage' order by policyname"""


def with_storage(url: str) -> str:
    """Return a database with the tables of Supabase Storage, and another bucket."""
    with psycopg.connect(url) as connection:
        connection.execute(STORAGE.read_bytes())
        connection.execute("insert into storage.buckets (id, name) values ('avatars', 'avatars')")
    return url


@pytest.fixture(scope="module")
def migrated_storage(empty_database: MakeDatabase) -> str:
    """Return a migrated project that had Supabase Storage before."""
    url = with_storage(empty_database())
    apply(url)
    return url


@pytest.fixture
def files(migrated_storage: str) -> Iterator[psycopg.Connection]:
    """Yield a transaction as the storage server has it, rolled back."""
    with psycopg.connect(migrated_storage) as opened:
        make_users(opened)
        opened.execute("set local storage.can_delete = 'true'")
        yield opened
        opened.rollback()


def buckets(url: str) -> list[tuple[object, ...]]:
    """Return the buckets of scan input: id, whether it is public, its limit in bytes, the accepted types."""
    with psycopg.connect(url) as connection:
        return connection.execute(
            "select id, public, file_size_limit, allowed_mime_types from storage.buckets where id <> 'avatars'"
        ).fetchall()


def outcome(connection: psycopg.Connection, verb: str, key: Key, file: list[str]) -> str:
    """Return one mark: the result when a key tries a verb, which is undone."""
    with undone(connection):
        if verb != "I":
            connection.execute(INSERT, file)
        try:
            with acting_as(connection, key):
                met = connection.execute(VERBS[verb].encode(), file).rowcount
        except psycopg.errors.InsufficientPrivilege:
            return "x"
    return verb if met else "-"


@pytest.mark.parametrize("line", CELLS, ids=lambda line: " ".join(line[:2]))
def test_each_key_can_do_what_the_table_says(line: list[str], files: psycopg.Connection) -> None:
    """All five keys try all verbs on a file: a user may use only the own folder of this bucket."""
    found = ["".join(outcome(files, verb, key, line[:2]) for verb in VERBS) for key in KEYS.values()]
    assert found == line[2:]


@pytest.mark.parametrize("place", [["scan-uploads", f"{OTHER}/a.csv"], ["avatars", f"{OWNER}/a.csv"]])
def test_a_file_is_not_moved_out_of_its_owner_s_folder(place: list[str], files: psycopg.Connection) -> None:
    """A file can be moved neither into another's folder nor into another bucket."""
    files.execute(INSERT, ["scan-uploads", f"{OWNER}/a.csv"])
    with pytest.raises(psycopg.errors.InsufficientPrivilege), acting_as(files, KEYS["owner"]):
        files.execute("update storage.objects set bucket_id = %s, name = %s", place)


def test_no_user_changes_the_bucket(files: psycopg.Connection) -> None:
    """Only the service can make it public."""
    for name in ("owner", "other", "administrator", "anonymous"):
        with undone(files), acting_as(files, KEYS[name]):
            assert files.execute("update storage.buckets set public = true").rowcount == 0


def test_the_bucket_is_private_and_takes_files_of_every_type(migrated_storage: str) -> None:
    """The limit is 50 MB, as in the function; browsers send a CSV with many types, so every type is accepted."""
    assert buckets(migrated_storage) == [BUCKET]


def test_a_second_run_changes_nothing(empty_database: MakeDatabase) -> None:
    """There is one bucket with the same four policies."""
    url = with_storage(empty_database())
    apply(url)
    with psycopg.connect(url) as connection:
        before = connection.execute(POLICIES).fetchall()
        for script in SCRIPTS:
            connection.execute(script.read_bytes())
        assert connection.execute(POLICIES).fetchall() == before
        assert len(before) == 4
    assert buckets(url) == [BUCKET]


def test_a_bucket_that_was_there_is_closed_and_keeps_its_limit(empty_database: MakeDatabase) -> None:
    """Its limit stays, but the uploads are no longer public."""
    url = with_storage(empty_database())
    with psycopg.connect(url) as connection:
        connection.execute(
            """insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types)
               values ('scan-uploads', 'scan-uploads', true, 1000, '{text/csv}')"""
        )
    apply(url)
    assert buckets(url) == [("scan-uploads", False, 1000, ["text/csv"])]


def test_policies_of_the_same_name_become_ours(empty_database: MakeDatabase) -> None:
    """A policy that let everyone read is replaced; the app's own policies for its buckets stay."""
    url = with_storage(empty_database())
    with psycopg.connect(url) as connection:
        connection.execute(
            """create policy "Users read their own scan uploads" on storage.objects for select using (true);
               create policy "Avatars" on storage.objects for select to anon using (bucket_id = 'avatars')"""
        )
    apply(url)
    with psycopg.connect(url) as connection:
        for bucket in ("scan-uploads", "avatars"):
            connection.execute(INSERT, [bucket, f"{OWNER}/a.csv"])
        with acting_as(connection, KEYS["anonymous"]):
            assert connection.execute("select bucket_id from storage.objects").fetchall() == [("avatars",)]


def test_a_storage_that_is_another_role_s_does_not_stop_the_migrations(empty_database: MakeDatabase) -> None:
    """If the migrating role may not change the storage, nothing is opened, and everything else is applied."""
    url = with_storage(empty_database())
    with psycopg.connect(url, user=ADMIN) as connection:
        connection.execute("alter table storage.objects owner to supabase_admin")
    assert apply(url) == migrations()
    assert buckets(url) == []
