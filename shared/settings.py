"""The settings: read once from the environment, immutable; all errors are reported together."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    StringConstraints,
    ValidationError,
)

from shared.secrets import Secrets, SecretsError, from_environment, from_parameter_store, key_of

OPENAI_URL = "https://api.openai.com/v1"
ANTHROPIC_URL = "https://api.anthropic.com"


class SettingsError(ValueError):
    """The environment is invalid; the message has one line per variable and says what is allowed."""


def _items(text: str | tuple[str, ...]) -> tuple[str, ...]:
    return tuple(item.strip() for item in text.split(",") if item.strip()) if isinstance(text, str) else text


def _any_or_named(origins: tuple[str, ...]) -> tuple[str, ...]:
    if "*" in origins and len(origins) > 1:
        raise ValueError
    return origins


def _without_slash(address: str) -> str:
    return address.rstrip("/")


Issuer = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/?#]+[^\s?#]*$")]
Address = Annotated[Issuer, AfterValidator(_without_slash)]
Origin = Annotated[str, StringConstraints(pattern=r"^(\*|https?://[^\s/?#,]+)$")]
Origins = Annotated[
    tuple[Origin, ...], Field(min_length=1), BeforeValidator(_items), AfterValidator(_any_or_named)
]
ModelName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:/-]+$")]
Models = Annotated[tuple[ModelName, ...], Field(min_length=1), BeforeValidator(_items)]
Level = Annotated[str, StringConstraints(pattern=r"(?i)^(debug|info|warning|error)$", to_upper=True)]
PublicKey = Annotated[SecretStr, key_of("sb_publishable_", "anon")]
ParameterPath = Annotated[str, StringConstraints(pattern=r"^(/[A-Za-z0-9_.-]+)+/?$")]

_ADDRESS = "an http or https address without a query"
_ANON = "the legacy anon key of the project (a JWT of role anon)"
_QUEUE = "the http or https address of an SQS queue"
_MODELS = "model names separated by commas"


class Settings(BaseModel):
    """The settings of the functions; each field's description says what is allowed.

    `supabase_publishable_key` is the legacy key if only that is set. Secrets are no fields, because they change while
    a process lives: `secrets` reads them from the environment or, with `secrets_ssm_path`, only from SSM, each below
    that path by the name of its variable.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    supabase_url: Address = Field(description=f"the project's address: {_ADDRESS}")
    supabase_publishable_key: PublicKey = Field(
        description="the project's publishable key (sb_publishable_…); SUPABASE_ANON_KEY will do instead"
    )
    supabase_anon_key: PublicKey | None = Field(None, description=_ANON)
    secrets_ssm_path: ParameterPath | None = Field(
        None, description="a path of SSM parameters, as /nexscout/prod/; unset, secrets are variables too"
    )
    secrets_age_seconds: float = Field(300, ge=1, le=3600, description="seconds, 1 to 3600")
    supabase_jwks_url: Address = Field("", description=_ADDRESS)
    supabase_jwt_issuer: Issuer = Field("", description="the exact issuer of user tokens, " + _ADDRESS)
    supabase_jwt_issuer_required: bool = Field(default=True, description="true or false")
    openai_base_url: Address = Field(OPENAI_URL, description=_ADDRESS)
    anthropic_base_url: Address = Field(ANTHROPIC_URL, description=_ADDRESS)
    premium_models: Models = Field(("gpt-4o",), description=_MODELS)
    standard_models: Models = Field(("gpt-3.5-turbo", "gpt-4o-mini"), description=_MODELS)
    extra_models: str | None = Field(
        None, description="a JSON array of models of one's own (see docs/models.md)"
    )
    moderation: Literal["off", "visitors"] = Field(
        "off", description="off, or visitors (needs OPENAI_API_KEY)"
    )
    cors_origins: Origins = Field(("*",), description="* or origins (https://host) separated by commas")
    scan_queue_url: Address | None = Field(None, description=_QUEUE)
    job_queue_url: Address | None = Field(None, description=_QUEUE)
    log_level: Level = Field("INFO", description="DEBUG, INFO, WARNING or ERROR")
    metrics_namespace: str | None = Field(
        None, description="a CloudWatch namespace; unset, no metrics are printed"
    )
    request_timeout_seconds: float = Field(25, gt=0, le=900, description="seconds, more than 0, at most 900")
    stream_timeout_seconds: float = Field(120, gt=0, le=900, description="seconds, more than 0, at most 900")
    job_timeout_seconds: float = Field(300, gt=0, le=900, description="seconds, more than 0, at most 900")
    scan_timeout_seconds: float = Field(840, gt=0, le=900, description="seconds, more than 0, at most 900")
    # The platform's limit is 6 MB for a body in base64.
    max_body_bytes: int = Field(4_500_000, ge=1, le=6_000_000, description="bytes, 1 to 6000000")
    origin_secret_required: bool = Field(
        default=False, description="true or false: whether callers must come through the distribution"
    )
    shadow: bool = Field(default=False, description="true or false (see docs/cutover.md)")
    circuit_failures: int = Field(5, ge=1, le=1_000_000, description="failures in a row, 1 to 1000000")
    circuit_open_seconds: float = Field(30, gt=0, le=3600, description="seconds, more than 0, at most 3600")
    config_cache_seconds: float = Field(300, ge=0, le=3600, description="seconds, 0 to 3600")
    config_cache_users: int = Field(1000, ge=1, le=100_000, description="users, 1 to 100000")

    _secrets: Secrets = PrivateAttr()

    @property
    def secrets(self) -> Secrets:
        """The current secrets: read them at each use, and keep no copy."""
        return self._secrets

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Return the settings, with the secrets read for the first time; a blank variable counts as not set.

        Raises:
            SettingsError: with all errors of both; it repeats no value.
        """
        texts = {name: env.get(name.upper(), "").strip() for name in cls.model_fields}
        texts = {name: text for name, text in texts.items() if text}
        settings, invalid = cls._validated(texts)
        secrets, lines = (
            (None, list[str]()) if "secrets_ssm_path" in invalid else _read_secrets(env, texts, settings)
        )
        if texts.get("moderation") == "visitors" and secrets and secrets.known.openai_api_key is None:
            invalid.add("moderation")
        named = [cls._line(name, missing=name not in texts) for name in cls.model_fields if name in invalid]
        if settings is None or secrets is None or named:
            raise SettingsError("\n".join(["The environment is not usable:", *named, *lines]))
        settings._secrets = secrets  # noqa: SLF001  # its own
        return settings

    @classmethod
    def _validated(cls, texts: Mapping[str, str]) -> tuple[Self | None, set[str]]:
        """Return the settings, or the names of all invalid ones."""
        values = _with_derived(texts)
        try:
            return cls.model_validate(values), set()
        except ValidationError as exc:
            invalid = {str(error["loc"][0]) for error in exc.errors(include_input=False)}
        # A derived value is invalid only if its source is, which is in the list itself.
        return None, invalid - (values.keys() - texts.keys())

    @classmethod
    def _line(cls, name: str, *, missing: bool) -> str:
        state = "is missing" if missing else "is not valid"
        return f"- {name.upper()} {state}; allowed: {cls.model_fields[name].description}"


def _read_secrets(
    env: Mapping[str, str], texts: Mapping[str, str], settings: Settings | None
) -> tuple[Secrets | None, list[str]]:
    """Return the secrets from where the environment says, or a line for each invalid one."""
    # With invalid settings the secrets are read only to report their errors as well.
    age_seconds = 0 if settings is None else settings.secrets_age_seconds
    path = texts.get("secrets_ssm_path")
    try:
        if path is None:
            return from_environment(env, age_seconds), []
        return from_parameter_store(path, age_seconds), []
    except SecretsError as exc:
        return None, exc.lines


def _with_derived(texts: Mapping[str, str]) -> dict[str, str]:
    derived = {}
    if "supabase_url" in texts:
        issuer = texts["supabase_url"].rstrip("/") + "/auth/v1"
        derived = {"supabase_jwt_issuer": issuer, "supabase_jwks_url": f"{issuer}/.well-known/jwks.json"}
    if "supabase_anon_key" in texts:
        derived["supabase_publishable_key"] = texts["supabase_anon_key"]
    return derived | dict(texts)
