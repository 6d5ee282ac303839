"""The environment as frozen settings: read once, and every fault of it named at once."""

import base64
import json
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
)

OPENAI_URL = "https://api.openai.com/v1"
ANTHROPIC_URL = "https://api.anthropic.com"


class SettingsError(ValueError):
    """The environment cannot be used; the message has one line a variable and says what is allowed."""


def _items(text: str | tuple[str, ...]) -> tuple[str, ...]:
    return tuple(item.strip() for item in text.split(",") if item.strip()) if isinstance(text, str) else text


def _any_or_named(origins: tuple[str, ...]) -> tuple[str, ...]:
    if "*" in origins and len(origins) > 1:
        raise ValueError
    return origins


def _without_slash(address: str) -> str:
    return address.rstrip("/")


def _legacy_role(key: str) -> object:
    """Give the role that a legacy key claims; it is our own configuration, so no signature is checked."""
    payload = key.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["role"]


def _key_of(prefix: str, role: str) -> AfterValidator:
    """Refuse a key of the other kind: with the two swapped, every visitor would be the service."""

    def check(key: SecretStr) -> SecretStr:
        text = key.get_secret_value()
        try:
            good = text.startswith(prefix) or _legacy_role(text) == role
        except (LookupError, TypeError, ValueError):
            good = False
        if not good:
            raise ValueError
        return key

    return AfterValidator(check)


Issuer = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/?#]+[^\s?#]*$")]
Address = Annotated[Issuer, AfterValidator(_without_slash)]
Origin = Annotated[str, StringConstraints(pattern=r"^(\*|https?://[^\s/?#,]+)$")]
Origins = Annotated[
    tuple[Origin, ...], Field(min_length=1), BeforeValidator(_items), AfterValidator(_any_or_named)
]
ModelName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:/-]+$")]
Models = Annotated[tuple[ModelName, ...], Field(min_length=1), BeforeValidator(_items)]
Level = Annotated[str, StringConstraints(pattern=r"(?i)^(debug|info|warning|error)$", to_upper=True)]
PublicKey = Annotated[SecretStr, _key_of("sb_publishable_", "anon")]
ServiceKey = Annotated[SecretStr, _key_of("sb_secret_", "service_role")]

_ADDRESS = "an http or https address without a query"
_ANON = "the legacy anon key of the project (a JWT of role anon)"
_SERVICE = "the legacy service_role key of the project (a JWT of role service_role)"
_MODELS = "model names separated by commas"


class Settings(BaseModel):
    """What the functions are told by their environment; each field's description says what is allowed.

    `supabase_publishable_key` and `supabase_secret_key` are what queries carry: the legacy keys where only
    those are set.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    supabase_url: Address = Field(description=f"the project's address: {_ADDRESS}")
    supabase_publishable_key: PublicKey = Field(
        description="the project's publishable key (sb_publishable_…); SUPABASE_ANON_KEY will do instead"
    )
    supabase_secret_key: ServiceKey = Field(
        description="the project's secret key (sb_secret_…); SUPABASE_SERVICE_ROLE_KEY will do instead"
    )
    supabase_anon_key: PublicKey | None = Field(None, description=_ANON)
    supabase_service_role_key: ServiceKey | None = Field(None, description=_SERVICE)
    supabase_jwt_secret: Annotated[SecretStr, Field(min_length=32)] | None = Field(
        None, description="the legacy secret of user tokens, of 32 characters at least"
    )
    supabase_jwks_url: Address = Field("", description=_ADDRESS)
    supabase_jwt_issuer: Issuer = Field("", description="the exact issuer of user tokens, " + _ADDRESS)
    supabase_jwt_issuer_required: bool = Field(default=True, description="true or false")
    openai_api_key: SecretStr | None = Field(None, description="a key; ANTHROPIC_API_KEY will do instead")
    openai_base_url: Address = Field(OPENAI_URL, description=_ADDRESS)
    anthropic_api_key: SecretStr | None = Field(None, description="a key")
    anthropic_base_url: Address = Field(ANTHROPIC_URL, description=_ADDRESS)
    premium_models: Models = Field(("gpt-4o",), description=_MODELS)
    standard_models: Models = Field(("gpt-3.5-turbo", "gpt-4o-mini"), description=_MODELS)
    extra_models: str | None = Field(
        None, description="a JSON array of models of one's own (see docs/guide.md)"
    )
    moderation: Literal["off", "visitors"] = Field(
        "off", description="off, or visitors (needs OPENAI_API_KEY)"
    )
    cors_origins: Origins = Field(("*",), description="* or origins (https://host) separated by commas")
    origin_secret: Annotated[SecretStr, Field(min_length=16)] | None = Field(
        None, description="what the distribution adds as x-origin-secret, of 16 characters at least"
    )
    log_level: Level = Field("INFO", description="DEBUG, INFO, WARNING or ERROR")
    metrics_namespace: str | None = Field(
        None, description="a CloudWatch namespace; unset, no metrics are printed"
    )
    request_timeout_seconds: float = Field(25, gt=0, le=900, description="seconds, more than 0, at most 900")
    stream_timeout_seconds: float = Field(120, gt=0, le=900, description="seconds, more than 0, at most 900")
    job_timeout_seconds: float = Field(300, gt=0, le=900, description="seconds, more than 0, at most 900")
    scan_timeout_seconds: float = Field(840, gt=0, le=900, description="seconds, more than 0, at most 900")
    # The platform's own limit is 6 MB, and a binary body arrives there in base64.
    max_body_bytes: int = Field(4_500_000, ge=1, le=6_000_000, description="bytes, 1 to 6000000")
    shadow: bool = Field(default=False, description="true or false (see docs/cutover.md)")
    circuit_failures: int = Field(5, ge=1, le=1_000_000, description="failures in a row, 1 to 1000000")
    circuit_open_seconds: float = Field(30, gt=0, le=3600, description="seconds, more than 0, at most 3600")
    config_cache_seconds: float = Field(300, ge=0, le=3600, description="seconds, 0 to 3600")
    config_cache_users: int = Field(1000, ge=1, le=100_000, description="users, 1 to 100000")

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Read the settings; a blank variable counts as not set.

        Raises:
            SettingsError: with every fault of the environment; no value of it is repeated.
        """
        given = {name: env.get(name.upper(), "").strip() for name in cls.model_fields}
        given = {name: text for name, text in given.items() if text}
        values = _with_derived(given)
        faulty = set() if {"openai_api_key", "anthropic_api_key"} & given.keys() else {"openai_api_key"}
        if given.get("moderation") == "visitors" and "openai_api_key" not in given:
            faulty.add("moderation")
        try:
            settings = cls.model_validate(values)
        except ValidationError as exc:
            faulty |= {str(fault["loc"][0]) for fault in exc.errors(include_input=False)}
        # A derived value is at fault only through the variable it comes from, which is in the list itself.
        faulty -= values.keys() - given.keys()
        if faulty:
            lines = [
                cls._line(name, missing=name not in given) for name in cls.model_fields if name in faulty
            ]
            raise SettingsError("\n".join(["The environment is not usable:", *lines]))
        return settings

    @classmethod
    def _line(cls, name: str, *, missing: bool) -> str:
        state = "is missing" if missing else "is not valid"
        return f"- {name.upper()} {state}; allowed: {cls.model_fields[name].description}"


def _with_derived(given: Mapping[str, str]) -> dict[str, str]:
    derived = {}
    if "supabase_url" in given:
        issuer = given["supabase_url"].rstrip("/") + "/auth/v1"
        derived = {"supabase_jwt_issuer": issuer, "supabase_jwks_url": f"{issuer}/.well-known/jwks.json"}
    if "supabase_anon_key" in given:
        derived["supabase_publishable_key"] = given["supabase_anon_key"]
    if "supabase_service_role_key" in given:
        derived["supabase_secret_key"] = given["supabase_service_role_key"]
    return derived | dict(given)
