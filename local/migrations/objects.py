"""The objects of a database that the source defines, and the differences between two databases."""

from dataclasses import dataclass
from pathlib import Path

import psycopg

from local.migrations.meaning import meaning

QUERY = Path(__file__).with_name("objects.sql")
DEPENDENTS = """
select pg_catalog.pg_describe_object(dep.refclassid, dep.refobjid, 0),
  case
    when policy.oid is not null then 'policy ' || quote_ident(policy.polname) || ' on ' || policy.polrelid::regclass
    when act.oid is not null then 'trigger ' || quote_ident(act.tgname) || ' on ' || act.tgrelid::regclass
    else 'view ' || rewrite.ev_class::regclass end
from pg_catalog.pg_depend dep
left join pg_catalog.pg_policy policy on dep.classid = 'pg_policy'::regclass and policy.oid = dep.objid
left join pg_catalog.pg_trigger act on dep.classid = 'pg_trigger'::regclass and act.oid = dep.objid
left join pg_catalog.pg_rewrite rewrite on dep.classid = 'pg_rewrite'::regclass and rewrite.oid = dep.objid
where coalesce(policy.oid, act.oid, rewrite.oid) is not null and dep.deptype = 'n'
  and dep.refclassid in ('pg_proc'::regclass, 'pg_class'::regclass)
"""


@dataclass(frozen=True)
class Object:
    """One object of a database; two are equal if they have the same meaning."""

    kind: str
    name: str
    identity: str
    shape: str | None
    definition: str | None
    grants: str | None
    comment: str | None

    @property
    def source_name(self) -> str:
        """Return its name in the source's statements."""
        return f"{self.kind} {self.name}"


Objects = dict[str, Object]


def read(connection: psycopg.Connection) -> Objects:
    """Return the objects of a database by kind and identity."""
    with connection.transaction():
        # With an empty search path the server prints every name qualified, for every role.
        connection.execute("set local search_path = ''")
        rows = connection.execute(QUERY.read_bytes()).fetchall()
    return {f"{row[0]} {row[2]}": with_meaning(Object(*row)) for row in rows}


def with_meaning(found: Object) -> Object:
    """Return a policy with its meaning in place of its text; anything else unchanged."""
    if found.kind != "policy" or found.definition is None:
        return found
    return Object(
        found.kind,
        found.name,
        found.identity,
        found.shape,
        meaning(found.definition),
        found.grants,
        found.comment,
    )


def different(first: Objects, second: Objects) -> list[str]:
    """Return the identities of objects that differ, in order."""
    return sorted(one for one in first.keys() | second.keys() if first.get(one) != second.get(one))


def dependents(connection: psycopg.Connection, dropped: set[str]) -> set[str]:
    """Return the views, policies and triggers that depend on what will be dropped, and those that depend on these."""
    with connection.transaction():
        connection.execute("set local search_path = ''")
        pairs = connection.execute(DEPENDENTS).fetchall()
    found = set(dropped)
    while more := {on for under, on in pairs if under in found and on not in found}:
        found |= more
    return found - dropped
