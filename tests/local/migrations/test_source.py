"""The source of functions, views, policies, triggers and grants: each defined once, short, in lower case."""

import re
from collections import Counter

from local.migrations.apply import migrations
from local.migrations.schema import HEAD
from local.migrations.source import FOLDER, TOKEN, bare, files, split, statements

MOST_LINES = 70
# As in `create or replace function`, but not in a name or in a string.
UPPER_CASE = re.compile(r"\b[A-Z]{2,}\b")
# In our own migrations only statements written from the source may define or grant.
OURS = [one for one in migrations() if not one.script.startswith(HEAD.partition("{")[0])]


def without_texts(script: str) -> str:
    """Return a script without comments, strings and quoted names, but with the text between dollar signs."""
    plain = TOKEN.sub(lambda token: " " if token[0][0] in "-'\"/" else token[0], script)
    return re.sub(r"--[^\n]*|'(?:[^']|'')*'|\"[^\"]*\"", " ", plain)


def test_functions_are_short() -> None:
    """No function is longer than 70 lines."""
    lengths = {
        name: bare(one.text).count("\n") + 1
        for one in statements()
        for name in one.defines
        if name.startswith("function ")
    }
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}
    assert "function public.ai_reserve" in lengths


def test_each_thing_is_defined_once() -> None:
    """No function, view, policy or trigger has two definitions."""
    defined = Counter(name for statement in statements() for name in statement.defines)
    assert [name for name, times in defined.items() if times > 1] == []
    assert {name.partition(" ")[0] for name in defined} == {"function", "view", "policy", "trigger"}


def test_grants_are_in_one_file() -> None:
    """All rights are in grants.sql."""
    granting = {
        path.relative_to(FOLDER).as_posix()
        for path in files()
        if re.search(r"^\s*(?:grant|revoke)\s", without_texts(path.read_text()), re.MULTILINE)
    }
    assert granting == {"grants.sql"}
    assert files()[-1].name == "grants.sql"


def test_sql_is_lower_case() -> None:
    """Keywords are lower case, in the source and in the migrations."""
    scripts = {path.name: path.read_text() for path in [*files(), *(one.path for one in migrations())]}
    shouting = {name: UPPER_CASE.findall(without_texts(script)) for name, script in scripts.items()}
    assert {name: words for name, words in shouting.items() if words} == {}


def test_files_say_what_they_are_about() -> None:
    """Each file starts with a comment."""
    assert [path for path in files() if not path.read_text().startswith("-- ")] == []


def test_migrations_define_nothing_themselves() -> None:
    """Apart from what is written from the source, migrations contain tables, types, indexes and data."""
    for migration in OURS:
        for text in split(migration.script):
            assert not re.match(
                r"(?:create (?:or replace )?(?:function|view|trigger|policy)|grant|revoke)\b", bare(text)
            ), (migration.path.name, text)


def test_statements_end_where_they_end() -> None:
    """Semicolons in comments, strings, names and bodies do not end a statement."""
    script = """-- a; b
select ';', "x;y";
create function f() returns text language sql as $$ select ';'; $$;
do $body$ begin perform $$;$$; end $body$;
"""
    assert [bare(text).partition(" ")[0] for text in split(script)] == ["select", "create", "do"]
