"""The manifest: every difference from it is reported, and the app's own objects are not."""

import psycopg
import pytest

from local.migrations.manifest import differences, load, read


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("drop table public.ai_settings cascade", "public.ai_settings is missing."),
        ("drop function public.load_ai_configuration()", "public.load_ai_configuration() is missing."),
        (
            "alter table public.ai_settings alter column tone set default 'warm'",
            "public.ai_settings: column tone is: text default 'warm'::text; it should be: text",
        ),
        ("alter table public.prospects drop column source", "public.prospects: column source is missing"),
        (
            "alter table public.profiles drop constraint profiles_subscription_tier_check",
            "public.profiles: constraint CHECK ((subscription_tier = ANY",
        ),
        (
            'drop policy "Users read own AI settings" on public.ai_settings',
            'public.ai_settings: policy "Users read own AI settings" is missing',
        ),
        (
            'create policy "All" on public.ai_settings for select to anon using (true)',
            'public.ai_settings: policy "All" should not be there.',
        ),
        (
            "alter table public.prospects disable row level security",
            "public.prospects: row security is: off; it should be: on",
        ),
        (
            "drop trigger guard_chat_session on public.public_chat_sessions",
            "public.public_chat_sessions: trigger guard_chat_session is missing",
        ),
        (
            "alter table public.public_chat_sessions disable trigger guard_chat_session",
            "public.public_chat_sessions: trigger guard_chat_session is:",
        ),
        ("drop index public.assistant_messages_user_id", "index assistant_messages_user_id is missing"),
        (
            "grant execute on function public.load_ai_configuration() to anon",
            "public.load_ai_configuration(): function is:",
        ),
        (
            "revoke select on public.ai_config_versions from authenticated",
            "public.ai_config_versions: SELECT is not granted to authenticated.",
        ),
        (
            "create or replace function nexscout.is_admin() returns boolean language sql as 'select true'",
            "nexscout: function is_admin() is:",
        ),
        (
            "create function nexscout.back_door() returns boolean language sql as 'select true'",
            "nexscout: function back_door() should not be there.",
        ),
        ("drop index public.products_user_id_idx", "index that begins with user_id is missing"),
        (
            "alter view public.ai_model_usage_stats set (security_invoker = false)",
            "public.ai_model_usage_stats: view is: with the rights of its owner",
        ),
        ("alter type nexscout.outcome add value 'lucky'", "nexscout: type outcome is:"),
        (
            "alter function public.load_ai_configuration() volatile",
            "public.load_ai_configuration(): function is:",
        ),
        ("drop view public.ai_model_usage_stats", "public.ai_model_usage_stats is missing."),
    ],
)
def test_every_kind_of_difference_is_reported(
    statement: str, sentence: str, connection: psycopg.Connection
) -> None:
    """Each manual change gives one sentence, which names it."""
    connection.execute(statement.encode())
    reported = [line for line in differences(load(), read(connection)) if sentence in line]
    assert len(reported) == 1


def test_migrated_database_differs_in_nothing(connection: psycopg.Connection) -> None:
    """A database with only the migrations has no difference."""
    assert differences(load(), read(connection)) == []


def test_app_s_own_things_are_no_difference(connection: psycopg.Connection) -> None:
    """Objects that the app adds are no difference, nor are the hosted default grants when granted again."""
    connection.execute(
        """alter table public.prospects add column platform text;
           create policy "App" on public.prospects for select to authenticated using (false);
           create index app_s_own on public.prospects (full_name);
           create function public.of_the_app() returns integer language sql as 'select 1';
           create table public.of_the_app ();
           grant all on all tables in schema public to anon, authenticated, service_role;"""
    )
    assert differences(load(), read(connection)) == []
