"""`nexscout schema migration`: what it writes for a change of supabase/sql."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from local.migrations import apply, schema, source
from local.problem import Problem
from local.project import PROJECT

WriteAfter = Callable[[str, str, str], str]
ADDED = "\ncreate or replace function nexscout.one() returns integer language sql as $$ select 1 $$;\n"
OWN_JOBS = "for select to authenticated using (user_id = (select auth.uid()))"


@pytest.fixture
def write_after(tmp_path: Path) -> WriteAfter:
    """Return what changes a copy of the source and returns the written migration; empty without a difference."""

    def write(file: str, old: str, new: str) -> str:
        migrations, sql = tmp_path / "migrations", tmp_path / "sql"
        shutil.copytree(apply.FOLDER, migrations)
        shutil.copytree(source.FOLDER, sql)
        text = (sql / file).read_text()
        assert old in text
        (sql / file).write_text(text.replace(old, new))
        before = sorted(migrations.iterdir())
        written = schema.write("change", migrations, sql)
        assert sorted(migrations.iterdir()) == ([*before, written] if written else before)
        return written.read_text() if written else ""

    return write


def said(script: str) -> list[str]:
    """Return the first words of each statement, without the text of bodies."""
    return [re.split(r" using| as \$\$|\n| returns", source.bare(text))[0] for text in source.split(script)]


def test_agreement_writes_nothing() -> None:
    """If the migrations agree with the source, the command says so, and ends with 0."""
    before = sorted(apply.FOLDER.iterdir())
    done = subprocess.run(
        [sys.executable, "-m", "local.commands.cli", "schema", "migration", "change"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (
        0,
        "The migrations give what supabase/sql says: there is nothing to write.\n",
    )
    assert sorted(apply.FOLDER.iterdir()) == before


def test_changed_body_is_replaced(write_after: WriteAfter) -> None:
    """A changed function is replaced with its comment and its grants, and not dropped."""
    script = write_after("money/account.sql", "when 'elite' then 'pro'", "when 'elite' then 'team'")
    assert said(script) == [
        "set check_function_bodies = off;",
        "create or replace function nexscout.tier_of(p_user_id uuid)",
        "comment on function nexscout.tier_of is",
        "revoke all on function nexscout.tier_of(uuid) from public, anon, authenticated;",
        "grant execute on function nexscout.tier_of(uuid) to service_role;",
        "reset check_function_bodies;",
    ]


def test_new_function_is_made_and_closed(write_after: WriteAfter) -> None:
    """A new function gets the rights of grants.sql."""
    script = write_after("money/calendar.sql", "-- Days", f"{ADDED}-- Days")
    assert "create or replace function nexscout.one()" in said(script)
    assert "revoke all on function nexscout.one() from public, anon, authenticated;" in script
    assert "grant execute on function nexscout.one() to service_role;" in script
    assert "drop" not in script


def test_changed_signature_is_dropped_first(write_after: WriteAfter) -> None:
    """A function with other arguments is another one: the old one is dropped."""
    script = write_after(
        "money/hold.sql", "p_except_request uuid default null", "p_except_call uuid default null"
    )
    assert said(script)[1] == "drop function if exists nexscout.energy_held(uuid,uuid,uuid);"


def test_what_depends_on_a_dropped_function_is_dropped_and_created_again(write_after: WriteAfter) -> None:
    """Views that call a function with a changed signature are dropped before it and created after it."""
    script = write_after(
        "money/calendar.sql",
        "nexscout.day_of(p_at timestamptz)",
        "nexscout.day_of(p_at timestamptz, p_x int default 0)",
    )
    views = ["public.daily_ai_usage_summary", "public.monthly_ai_usage_by_user"]
    assert said(script)[1:4] == [
        *(f"drop view if exists {view};" for view in views),
        "drop function if exists nexscout.day_of(timestamp with time zone);",
    ]
    for view in views:
        assert f"create or replace view {view}" in script
        assert view in script.partition("grant select on table")[2]


def test_what_the_source_lost_is_dropped(write_after: WriteAfter) -> None:
    """An object that the source no longer defines is dropped."""
    trigger = """create or replace trigger guard_energy_row before insert or update on public.user_energy
for each row execute function nexscout.guard_energy_row();
"""
    script = write_after("guards/energy.sql", trigger, "")
    assert said(script)[1:-1] == ["drop trigger if exists guard_energy_row on public.user_energy;"]


def test_changed_policy_is_created_again(write_after: WriteAfter) -> None:
    """A policy with another meaning is dropped and created."""
    script = write_after("jobs/policies.sql", OWN_JOBS, "for select to authenticated using (false)")
    assert said(script)[1:-1] == [
        'drop policy if exists "Users read their own jobs" on public.ai_jobs;',
        'create policy "Users read their own jobs" on public.ai_jobs',
    ]


def test_rewritten_policy_is_no_change(write_after: WriteAfter) -> None:
    """A policy that reads the caller in another way has the same meaning."""
    assert (
        write_after("jobs/policies.sql", "(select auth.uid())", "(select (select (select auth.uid())))") == ""
    )


def test_changed_grant_is_written(write_after: WriteAfter) -> None:
    """Only the granted or revoked right is written."""
    script = write_after(
        "grants.sql",
        "grant select, delete on public.assistant_conversations",
        "grant select on public.assistant_conversations",
    )
    table = "on table public.assistant_conversations"
    assert said(script)[1:-1] == [
        f"revoke all {table} from public, anon, authenticated;",
        f"grant all {table} to service_role;",
        f"grant select {table} to authenticated;",
    ]


def test_policy_of_the_files_is_compared_too(write_after: WriteAfter) -> None:
    """The policies on the tables of stored files belong to the source, although the tables do not."""
    script = write_after("scan/uploads.sql", "for delete to authenticated", "for delete to anon")
    assert 'create policy "Users delete their own scan uploads"' in script


def test_change_that_a_block_would_not_make_is_refused(write_after: WriteAfter) -> None:
    """An object that the source creates only if missing would not change: that is an error, and nothing is written."""
    with pytest.raises(
        Problem, match=r'"Users can delete own scans" on public\.scans only where there is none'
    ):
        write_after(
            "access/app_policies.sql",
            "'for delete to authenticated using (user_id = auth.uid())'),\n      ('scans', 'Users can create",
            "'for delete to authenticated using (false)'),\n      ('scans', 'Users can create",
        )


def test_source_that_is_no_sql_is_refused(write_after: WriteAfter) -> None:
    """A function whose body names a missing object is an error, although functions may call later ones."""
    with pytest.raises(Problem, match=r"supabase/sql cannot be applied: .*no_such_table"):
        write_after("money/calendar.sql", "from public.ai_policy\n", "from public.no_such_table\n")


@pytest.mark.parametrize("name", ["", "two words", "../up", "1st"])
def test_name_that_is_no_file_s_is_refused(name: str) -> None:
    """A name may have only letters, digits and underscores."""
    with pytest.raises(Problem, match="A migration cannot be called"):
        schema.write(name)
