"""One row of every table, owned by the owner."""

from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from tests.sql.roles import OWNER

SESSION = "00000000-0000-4000-8000-0000000000b1"
SCAN = "00000000-0000-4000-8000-0000000000b2"
REQUEST = "00000000-0000-4000-8000-0000000000b3"
CONVERSATION = "00000000-0000-4000-8000-0000000000b4"
ROW = "00000000-0000-4000-8000-0000000000c1"
NOW = "2026-01-02T03:04:05Z"


@dataclass(frozen=True)
class Sample:
    """The row, the change of an update, what identifies the row, and the tables whose rows must exist first."""

    values: dict[str, Any]
    change: tuple[str, Any] = ("", None)
    key: tuple[str, ...] = ("id",)
    needs: tuple[str, ...] = field(default=())


def owned(change: tuple[str, Any], needs: tuple[str, ...] = (), **values: Any) -> Sample:  # noqa: ANN401
    """Return a row with an id and the owner's id."""
    return Sample({"id": ROW, "user_id": OWNER} | values, change, needs=needs)


SAMPLES = {
    "admin_users": Sample({"user_id": OWNER}, ("user_id", OWNER), ("user_id",)),
    "profiles": Sample({"id": OWNER, "email": "o@x", "unique_user_id": "NX-O"}, ("full_name", "Changed")),
    "workspace_configs": Sample(
        {"workspace_id": OWNER}, ("company", Jsonb({"name": "Changed"})), ("workspace_id",)
    ),
    "prospects": owned(("full_name", "Changed"), full_name="Dina Santos"),
    "company_profiles": owned(("company_name", "Changed"), company_name="Reyes Wellness"),
    "products": owned(("name", "Changed"), name="Barley", main_category="health"),
    "company_intelligence_v2": owned(("company_name", "Changed"), company_name="R", primary_url="https://x"),
    "chatbot_settings": Sample({"user_id": OWNER}, ("display_name", "Changed"), ("user_id",)),
    "chatbot_links": owned(("custom_slug", "changed"), chatbot_id="slug"),
    "public_chatbot_training_data": owned(("answer", "Changed"), category="faq", question="Q", answer="A"),
    "public_chat_sessions": Sample(
        {"id": SESSION, "user_id": OWNER, "session_slug": "slug"}, ("lead_score", 99)
    ),
    "public_chat_messages": Sample(
        {"id": ROW, "session_id": SESSION, "sender": "visitor", "message": "Magkano?"},
        ("message", "Changed"),
        needs=("public_chat_sessions",),
    ),
    "chatbot_to_prospect_pipeline": owned(
        ("pipeline_stage", "changed"), ("public_chat_sessions",), session_id=SESSION
    ),
    "chat_leads": Sample(
        {"session_id": SESSION, "user_id": OWNER, "full_name": "Maria"},
        ("full_name", "Changed"),
        ("session_id",),
        ("public_chat_sessions",),
    ),
    "notifications": owned(("title", "Changed"), type="hot_lead", title="T", message="M"),
    "scans": Sample({"id": SCAN, "user_id": OWNER}, ("status", "failed")),
    "scan_status": Sample({"id": ROW, "scan_id": SCAN, "step": "queued"}, ("percent", 5), needs=("scans",)),
    "scan_processed_items": Sample(
        {"id": ROW, "scan_id": SCAN, "type": "text"}, ("name", "Changed"), needs=("scans",)
    ),
    "scan_results": Sample({"id": ROW, "scan_id": SCAN}, ("prospects", Jsonb([1])), needs=("scans",)),
    "scan_jobs": Sample(
        {"scan_id": SCAN, "user_id": OWNER}, ("state", "failed"), ("scan_id",), needs=("scans",)
    ),
    "scan_blocks": Sample(
        {"scan_id": SCAN, "ordinal": 0}, ("state", "done"), ("scan_id", "ordinal"), needs=("scans",)
    ),
    "ai_generations": owned(("output_text", "Changed"), generation_type="message"),
    "coin_transactions": owned(("coins", 99), type="earn", trigger="login", coins=1, balance_after=1),
    "user_energy": Sample({"user_id": OWNER, "current_energy": 100}, ("current_energy", 9999), ("user_id",)),
    "energy_transactions": owned(
        ("energy", 99), ("user_energy",), type="spend", reason="r", energy=1, balance_after=1
    ),
    "energy_costs": Sample({"id": ROW, "feature": "f", "energy_cost": 1}, ("energy_cost", 0)),
    "ai_settings": Sample({"user_id": OWNER}, ("tone", "changed"), ("user_id",)),
    "ai_system_instructions": owned(("instructions", "Changed"), instructions="Sign as Ana"),
    "assistant_conversations": Sample({"id": CONVERSATION, "user_id": OWNER}, ("title", "Changed")),
    "assistant_messages": owned(
        ("content", "Changed"),
        ("assistant_conversations",),
        conversation_id=CONVERSATION,
        role="user",
        content="Hi",
    ),
    "ai_config_versions": Sample({"user_id": OWNER, "version": 7}, ("version", 8), ("user_id",)),
    "ai_policy": Sample({"id": True}, ("visitor_energy_per_day", 9999)),
    "ai_tiers": Sample(
        {
            "tier": "free",
            "daily_energy": 100,
            "calls_per_minute": 60,
            "premium_allowed": False,
            "paid": False,
        },
        ("daily_energy", 9999),
        ("tier",),
    ),
    "ai_action_prices": Sample(
        {"action": "ai_message", "model_class": "premium", "energy": 10},
        ("energy", 0),
        ("action", "model_class"),
    ),
    "ai_spend_caps": Sample(
        {"scope": "user", "subject_id": OWNER, "monthly_cost_usd": 1},
        ("monthly_cost_usd", 99),
        ("scope", "subject_id"),
    ),
    "ai_charge_groups": owned(("charged_energy", 0), action="ai_message", group_key="k", opened_at=NOW),
    "ai_requests": Sample(
        {
            "id": REQUEST,
            "user_id": OWNER,
            "workspace_id": OWNER,
            "function_name": "generate-ai-content",
            "action": "ai_message",
            "units": 1,
            "provider": "openai",
            "model": "gpt-4o",
            "model_class": "premium",
            "class_energy": Jsonb({"premium": 10}),
            "class_coins": Jsonb({"premium": 0}),
            "energy_held": 10,
            "coins_held": 0,
            "cost_held_usd": 1,
            "created_at": NOW,
            "expires_at": NOW,
        },
        ("energy_held", 0),
    ),
    "ai_jobs": owned(("state", "done"), function_name="generate-ai-content", body_hash="h"),
    "ai_usage_attempts": Sample(
        {
            "request_id": REQUEST,
            "ordinal": 1,
            "user_id": OWNER,
            "provider": "openai",
            "model": "gpt-4o",
            "cost_bound_usd": 1,
        },
        ("cost_usd", 99),
        ("request_id", "ordinal"),
        ("ai_requests",),
    ),
    "ai_usage_logs": Sample(
        {
            "id": ROW,
            "request_id": REQUEST,
            "user_id": OWNER,
            "workspace_id": OWNER,
            "function_name": "generate-ai-content",
            "action": "ai_message",
            "model": "sample",
            "success": True,
        },
        ("cost_usd", 99),
    ),
}
VIEWS = {
    "daily_ai_usage_summary": Sample({"user_id": OWNER}, key=("user_id",), needs=("ai_usage_logs",)),
    "monthly_ai_usage_by_user": Sample({"user_id": OWNER}, key=("user_id",), needs=("ai_usage_logs",)),
    "ai_model_usage_stats": Sample({"model": "sample"}, key=("model",), needs=("ai_usage_logs",)),
}


def add(connection: psycopg.Connection, table: str, sample: Sample) -> int:
    """Insert the row; return the number of inserted rows."""
    statement = sql.SQL("insert into public.{} ({}) values ({})").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, sample.values)),
        sql.SQL(", ").join(sql.Placeholder() * len(sample.values)),
    )
    return connection.execute(statement, list(sample.values.values())).rowcount


def on_row(
    connection: psycopg.Connection, start: str, table: str, sample: Sample, *values: object
) -> psycopg.Cursor:
    """Run a statement that starts as given, on this row only."""
    condition = sql.SQL(" and ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in sample.key)
    statement = sql.SQL("{} where {}").format(
        sql.SQL(start).format(table=sql.Identifier(table), column=sql.Identifier(sample.change[0] or "id")),
        condition,
    )
    return connection.execute(statement, [*values, *(sample.values[name] for name in sample.key)])


def make_room(connection: psycopg.Connection, table: str, sample: Sample) -> None:
    """Insert the rows that the row refers to, and delete what seeds and triggers inserted in its place."""
    for needed in sample.needs:
        make_room(connection, needed, SAMPLES[needed])
        add(connection, needed, SAMPLES[needed])
    if table in SAMPLES:
        on_row(connection, "delete from public.{table}", table, sample)
