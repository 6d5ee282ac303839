"""Every function of ours, called with every key."""

import psycopg
import pytest
from psycopg import sql

from tests.sql.roles import KEYS, OWNER, Key, acting_as, undone
from tests.sql.samples import SAMPLES, add, make_room

# Whether a key may call it at all. Functions of the schema nexscout that are not listed are only for the service.
EXPECTED = """
function                             owner  other  administrator  anonymous  service
public.load_ai_configuration         yes    yes    yes            no         no
public.get_user_total_ai_cost        yes    yes    yes            no         yes
public.get_user_monthly_ai_cost      yes    yes    yes            no         yes
public.get_user_monthly_tokens       yes    yes    yes            no         yes
public.ai_reserve                    no     no     no             no         yes
public.ai_note_attempt               no     no     no             no         yes
public.ai_settle                     no     no     no             no         yes
public.ai_release                    no     no     no             no         yes
public.ai_sweep                      no     no     no             no         yes
public.ai_configuration_of           no     no     no             no         yes
public.ai_prospect_of                no     no     no             no         yes
public.scan_owner                    no     no     no             no         yes
public.ai_enqueue_job                no     no     no             no         yes
public.ai_claim_job                  no     no     no             no         yes
public.ai_requeue_jobs               no     no     no             no         yes
public.ai_finish_job                 no     no     no             no         yes
public.chat_open                     no     no     no             no         yes
public.chat_answer                   no     no     no             no         yes
public.assistant_open                no     no     no             no         yes
public.scan_accept                   no     no     no             no         yes
public.scan_add_blocks               no     no     no             no         yes
public.scan_queue                    no     no     no             no         yes
public.scan_claim                    no     no     no             no         yes
public.scan_open_blocks              no     no     no             no         yes
public.scan_renew                    no     no     no             no         yes
public.scan_release                  no     no     no             no         yes
public.scan_store_block              no     no     no             no         yes
public.scan_finish                   no     no     no             no         yes
public.scan_fail                     no     no     no             no         yes
public.scan_requeue                  no     no     no             no         yes
public.load_assistant_material       yes    yes    yes            no         no
public.get_user_from_chatbot_id      yes    yes    yes            yes        yes
nexscout.ai_configuration            yes    yes    yes            no         yes
nexscout.prospect_figures            yes    yes    yes            no         yes
nexscout.is_admin                    yes    yes    yes            yes        yes
nexscout.may_read_usage_of           yes    yes    yes            no         yes
nexscout.day_of                      yes    yes    yes            no         yes
nexscout.month_start                 yes    yes    yes            no         yes
"""
LINES = [line.split() for line in EXPECTED.strip().splitlines()]
CELLS = {line[0]: dict(zip(LINES[0][1:], line[1:], strict=True)) for line in LINES[1:]}
SERVICE_ONLY = dict.fromkeys(KEYS, "no") | {"service": "yes"}

# What each key gets for the owner's figures: a figure, nothing, or a refusal.
FIGURES = """
call                                                  owner  other    administrator  anonymous  service
get_user_total_ai_cost('{OWNER}')                     0.25   nothing  0.25           refused    0.25
get_user_monthly_ai_cost('{OWNER}','2026-01-20')      0.25   nothing  0.25           refused    0.25
get_user_monthly_ai_cost('{OWNER}','2026-02-20')      0      nothing  0              refused    0
get_user_monthly_tokens('{OWNER}','2026-01-20')       1200   nothing  1200           refused    1200
get_user_total_ai_cost(null)                          nothing nothing 0              refused    0
"""
SEEN = [line.split() for line in FIGURES.format(OWNER=OWNER).strip().splitlines()[1:]]


def functions(connection: psycopg.Connection) -> dict[str, list[str]]:
    """Return the callable functions of both schemas, with the types of their arguments; triggers call the others."""
    rows = connection.execute(
        """select format('%I.%I', space.nspname, proc.proname),
                  array(select pg_catalog.format_type(kind, null)
                        from unnest(proc.proargtypes::oid[]) with ordinality as argument (kind, place) order by place)
           from pg_proc proc join pg_namespace space on space.oid = proc.pronamespace
           where space.nspname in ('public', 'nexscout') and proc.prorettype <> 'trigger'::regtype"""
    ).fetchall()
    assert len(dict(rows)) == len(rows), "two functions share a name: the API cannot tell them apart"
    return dict(rows)


def callable_by(connection: psycopg.Connection, key: Key, name: str, kinds: list[str]) -> str:
    """Return whether a call with nulls passes the permission check; its effects are undone."""
    statement = f"select {name}({', '.join(f'null::{kind}' for kind in kinds)})"
    refusal = f"permission denied for function {name.partition('.')[2]}"
    with undone(connection):
        try:
            with acting_as(connection, key):
                connection.execute(statement.encode())
        except psycopg.errors.InsufficientPrivilege as error:
            return "no" if error.diag.message_primary == refusal else "yes"
        except psycopg.Error:
            return "yes"
        return "yes"


def test_fault_10_each_key_can_call_what_the_table_says(connection: psycopg.Connection) -> None:
    """Each key can call exactly the functions that the table grants it, and no function is missing (fault 10)."""
    tried = {
        name: {who: callable_by(connection, key, name, kinds) for who, key in KEYS.items()}
        for name, kinds in functions(connection).items()
    }
    internal = {name: SERVICE_ONLY for name in tried if name.startswith("nexscout.")}
    assert tried == internal | CELLS


def test_trigger_functions_are_for_triggers(connection: psycopg.Connection) -> None:
    """Trigger functions are granted to no key: a trigger needs no grant to call them."""
    granted = connection.execute(
        """select proc.oid::regprocedure::text
           from pg_proc proc
           cross join unnest(array['anon', 'authenticated', 'service_role']) as role
           where proc.pronamespace = 'nexscout'::regnamespace and proc.prorettype = 'trigger'::regtype
             and has_function_privilege(role, proc.oid, 'execute')"""
    ).fetchall()
    assert granted == []


@pytest.mark.parametrize("line", SEEN, ids=lambda line: str(line[0]))
def test_figures_of_the_owner_are_for_the_owner_and_administrators(
    line: list[str], connection: psycopg.Connection
) -> None:
    """A function with a user's id returns nothing to other users; a null is not everyone."""
    sample = SAMPLES["ai_usage_logs"]
    make_room(connection, "ai_usage_logs", sample)
    add(connection, "ai_usage_logs", sample)
    connection.execute(
        "update public.ai_usage_logs set cost_usd = 0.25, tokens_total = 1200, created_at = '2026-01-15' where id = %s",
        [sample.values["id"]],
    )
    call = sql.SQL("select round(public.{}, 2)::real::text").format(sql.SQL(line[0]))
    seen = []
    for key in KEYS.values():
        with undone(connection):
            try:
                with acting_as(connection, key):
                    row = connection.execute(call).fetchone()
                seen.append("nothing" if row is None or row[0] is None else str(row[0]))
            except psycopg.errors.InsufficientPrivilege:
                seen.append("refused")
    assert seen == line[1:]


def test_fault_10_definer_functions_open_to_the_anonymous_key_are_few(connection: psycopg.Connection) -> None:
    """The anonymous key reaches only one function with its owner's rights, which answers yes or no (fault 10)."""
    reached = connection.execute(
        """select proc.oid::regprocedure::text, proc.prorettype::regtype::text
           from pg_proc proc
           where proc.pronamespace in ('public'::regnamespace, 'nexscout'::regnamespace)
             and proc.prosecdef and has_function_privilege('anon', proc.oid, 'execute')"""
    ).fetchall()
    assert reached == [("nexscout.is_admin()", "boolean")]


@pytest.mark.parametrize("role", ["anon", "authenticated"])
def test_fault_10_null_user_passes_no_guard(role: str, connection: psycopg.Connection) -> None:
    """A token without a user is no administrator, and not the owner of rows without one (fault 10)."""
    connection.execute("grant execute on all functions in schema nexscout to anon")
    with acting_as(connection, Key(role)):
        row = connection.execute(
            "select nexscout.is_admin(), nexscout.may_read_usage_of(null), nexscout.may_read_usage_of(%s)",
            [OWNER],
        ).fetchone()
    assert row is not None
    assert True not in row
