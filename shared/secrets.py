"""The secrets: separate from the settings, because they may change while a process lives."""

import asyncio
import base64
import json
import logging
import math
import time
from collections.abc import Callable, Mapping
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from shared.deadline import Clock
from shared.log import log_event
from shared.single_flight import Ages, SingleFlight

RENEW_SECONDS = 3.0
"""The limit for waiting for a renewal; after it a request continues with the known values."""

PAUSE_SECONDS = 30.0
"""The pause after a failed renewal."""

CONNECT_SECONDS = 1
READ_SECONDS = 2

Read = Callable[[], Mapping[str, str]]
"""Return the secrets of the source by upper-case name; raise SecretsError if it cannot be read."""


class SecretsError(ValueError):
    """The secrets are invalid; `lines` say why, one per secret, without values."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def key_of(prefix: str, role: str) -> AfterValidator:
    """Return a validator that refuses a key of the other kind: if both were swapped, visitors would be the service."""

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


def _legacy_role(key: str) -> object:
    """Return the role in a legacy key; it is our own configuration, so its signature is not checked."""
    payload = key.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["role"]


ServiceKey = Annotated[SecretStr, key_of("sb_secret_", "service_role")]


class SecretValues(BaseModel):
    """The secrets of one reading; `supabase_secret_key` is the legacy key if only that is set."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    supabase_secret_key: ServiceKey = Field(
        description="the project's secret key (sb_secret_…); SUPABASE_SERVICE_ROLE_KEY will do instead"
    )
    supabase_service_role_key: ServiceKey | None = Field(
        None, description="the legacy service_role key of the project (a JWT of role service_role)"
    )
    supabase_jwt_secret: Annotated[SecretStr, Field(min_length=32)] | None = Field(
        None, description="the legacy secret of user tokens, of 32 characters at least"
    )
    openai_api_key: SecretStr | None = Field(None, description="a key; ANTHROPIC_API_KEY will do instead")
    anthropic_api_key: SecretStr | None = Field(None, description="a key")
    origin_secret: Annotated[SecretStr, Field(min_length=16)] | None = Field(
        None, description="what the distribution adds as x-origin-secret, of 16 characters at least"
    )

    @classmethod
    def checked(cls, texts: Mapping[str, str], place: str = "") -> Self:
        """Return the validated secrets of texts by upper-case name; a blank text counts as not set.

        Raises:
            SecretsError: with all errors, each with its name after `place`.
        """
        present = {name: texts.get(name.upper(), "").strip() for name in cls.model_fields}
        present = {name: text for name, text in present.items() if text}
        invalid = set() if {"openai_api_key", "anthropic_api_key"} & present.keys() else {"openai_api_key"}
        legacy = {"supabase_secret_key": present.get("supabase_service_role_key")}
        try:
            values = cls.model_validate({name: text for name, text in legacy.items() if text} | present)
        except ValidationError as exc:
            named = {str(error["loc"][0]) for error in exc.errors(include_input=False)}
            # If the legacy key is used, it is the invalid one.
            invalid |= named - ({"supabase_secret_key"} if named & {"supabase_service_role_key"} else set())
        if invalid:
            names = [name for name in cls.model_fields if name in invalid]
            raise SecretsError([cls._line(name, place, missing=name not in present) for name in names])
        return values

    @classmethod
    def _line(cls, name: str, place: str, *, missing: bool) -> str:
        state = "is missing" if missing else "is not valid"
        return f"- {place}{name.upper()} {state}; allowed: {cls.model_fields[name].description}"


class Secrets:
    """Keeps the newest valid secrets; they are read again after an age, once for all callers."""

    def __init__(
        self, read: Read, place: str = "", age_seconds: float = 300, clock: Clock = time.monotonic
    ) -> None:
        """Read the secrets for the first time; raise SecretsError if they are invalid."""
        self._read = read
        self._place = place
        self._readings: SingleFlight[str, SecretValues] = SingleFlight(
            Ages(age_seconds, math.inf, PAUSE_SECONDS), clock=clock
        )
        self._readings.keep(place, SecretValues.checked(read(), place))

    @property
    def known(self) -> SecretValues:
        """Return the newest valid secrets, however old."""
        known = self._readings.trusted(self._place)
        assert known is not None  # noqa: S101  # kept since the first reading, trusted for ever
        return known

    async def current(self) -> SecretValues:
        """Return the current secrets: renewed if they are old, or the known ones if that fails."""
        return await self._readings.get(self._place, self._renewed, lambda: RENEW_SECONDS)

    def expire(self) -> None:
        """Make the next use read them again, because those in a snapshot may have any age."""
        self._readings.expire(self._place)

    async def _renewed(self) -> SecretValues:
        try:
            return SecretValues.checked(await asyncio.to_thread(self._read), self._place)
        except SecretsError as exc:
            log_event("secrets.kept", level=logging.ERROR, reasons=exc.lines)
            raise


def from_environment(env: Mapping[str, str], age_seconds: float) -> Secrets:
    """Return the secrets of environment variables; raise SecretsError if they are invalid."""
    return Secrets(lambda: env, age_seconds=age_seconds)


def from_parameter_store(path: str, age_seconds: float, clock: Clock = time.monotonic) -> Secrets:
    """Return the secrets below a path of SSM, each at its upper-case name; raise SecretsError if they are invalid."""
    place = path.rstrip("/") + "/"
    return Secrets(_parameter_store(place), place, age_seconds, clock)


def _parameter_store(path: str) -> Read:
    """Return a reader of a path by the platform's client, whose import takes a quarter of a second."""
    from aws_lambda_powertools.utilities.parameters import SSMProvider  # noqa: PLC0415
    from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415

    patience = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"total_max_attempts": 2, "mode": "standard"},
    )

    def read() -> Mapping[str, str]:
        try:
            return provider.get_multiple(path, max_age=0, decrypt=True, force_fetch=True)  # type: ignore[return-value]  # texts, where nothing transforms them
        except (GetParameterError, BotoCoreError) as exc:
            raise _unreadable(path, exc) from None

    try:
        provider = SSMProvider(boto_config=patience)
    except BotoCoreError as exc:
        raise _unreadable(path, exc) from None
    return read


def _unreadable(path: str, error: Exception) -> SecretsError:
    """Return the error of an unreadable path with the platform's code; its messages contain accounts and roles."""
    cause = error.__context__ or error
    code = getattr(cause, "response", {}).get("Error", {}).get("Code", type(cause).__name__)
    return SecretsError([f"- SECRETS_SSM_PATH: what is below {path} cannot be read: {code}"])
