"""The settings read a whole environment, or name everything that is wrong with it."""

import base64
import json

import pytest
from pydantic import ValidationError

from shared.settings import Settings, SettingsError


def legacy_key(role: str) -> str:
    """Return a legacy key: a token whose payload names its role; the signature is not checked here."""
    payload = base64.urlsafe_b64encode(json.dumps({"iss": "supabase", "role": role}).encode()).rstrip(b"=")
    return f"eyJhbGciOiJIUzI1NiJ9.{payload.decode()}.c2lnbmF0dXJl"


ANON = legacy_key("anon")
SERVICE_ROLE = legacy_key("service_role")

LEAST = {
    "SUPABASE_URL": "http://127.0.0.1:54321",
    "SUPABASE_PUBLISHABLE_KEY": "sb_publishable_abc",
    "SUPABASE_SECRET_KEY": "sb_secret_def",
    "OPENAI_API_KEY": "sk-local",
}


def faults(**changed: str) -> list[str]:
    """Return the lines of the error for the minimal environment with these changes."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(LEAST | changed)
    return str(caught.value).splitlines()[1:]


def test_the_least_environment_gets_every_default() -> None:
    """Four variables are enough to run."""
    settings = Settings.from_env(LEAST)
    assert settings.supabase_url == "http://127.0.0.1:54321"
    assert settings.supabase_jwks_url == "http://127.0.0.1:54321/auth/v1/.well-known/jwks.json"
    assert settings.supabase_jwt_issuer == "http://127.0.0.1:54321/auth/v1"
    assert settings.supabase_jwt_issuer_required is True
    assert settings.supabase_anon_key is None
    assert settings.secrets_ssm_path is None
    assert settings.secrets_age_seconds == 300
    secrets = settings.secrets.known
    assert (secrets.supabase_jwt_secret, secrets.supabase_service_role_key, secrets.origin_secret) == (
        None,
        None,
        None,
    )
    assert settings.openai_base_url == "https://api.openai.com/v1"
    assert settings.anthropic_base_url == "https://api.anthropic.com"
    assert settings.premium_models == ("gpt-4o",)
    assert settings.standard_models == ("gpt-3.5-turbo", "gpt-4o-mini")
    assert settings.cors_origins == ("*",)
    assert settings.log_level == "INFO"
    assert settings.request_timeout_seconds == 25
    assert settings.max_body_bytes == 4_500_000
    assert settings.config_cache_seconds == 300
    assert settings.config_cache_users == 1000


def test_every_variable_is_read() -> None:
    """Each variable reaches its setting."""
    settings = Settings.from_env(
        LEAST
        | {
            "SUPABASE_URL": "https://ref.supabase.co/",
            "SUPABASE_ANON_KEY": ANON,
            "SUPABASE_SERVICE_ROLE_KEY": SERVICE_ROLE,
            "SUPABASE_JWT_SECRET": "s" * 32,
            "SUPABASE_JWKS_URL": "https://keys.example.com/jwks.json",
            "SUPABASE_JWT_ISSUER": "https://issuer.example.com/auth/v1/",
            "SUPABASE_JWT_ISSUER_REQUIRED": "false",
            "OPENAI_BASE_URL": "http://127.0.0.1:11434/v1/",
            "ANTHROPIC_API_KEY": "sk-ant-x",
            "ANTHROPIC_BASE_URL": "http://127.0.0.1:9",
            "PREMIUM_MODELS": "gpt-4o, gpt-4.1",
            "STANDARD_MODELS": "qwen2.5:7b,",
            "CORS_ORIGINS": "https://app.example.com, http://localhost:5173",
            "ORIGIN_SECRET": "sixteen-letters-",
            "MODERATION": "visitors",
            "LOG_LEVEL": "debug",
            "SECRETS_AGE_SECONDS": "60",
            "REQUEST_TIMEOUT_SECONDS": "110.5",
            "MAX_BODY_BYTES": "1000",
            "CONFIG_CACHE_SECONDS": "0",
            "CONFIG_CACHE_USERS": "5",
        }
    )
    assert settings.supabase_url == "https://ref.supabase.co"
    assert settings.supabase_anon_key is not None
    assert settings.supabase_anon_key.get_secret_value() == ANON
    assert settings.supabase_publishable_key.get_secret_value() == "sb_publishable_abc"
    assert settings.supabase_jwks_url == "https://keys.example.com/jwks.json"
    # Compared exactly with the token's `iss`, so not even a trailing slash is removed.
    assert settings.supabase_jwt_issuer == "https://issuer.example.com/auth/v1/"
    assert settings.supabase_jwt_issuer_required is False
    assert settings.openai_base_url == "http://127.0.0.1:11434/v1"
    assert settings.anthropic_base_url == "http://127.0.0.1:9"
    assert settings.premium_models == ("gpt-4o", "gpt-4.1")
    assert settings.standard_models == ("qwen2.5:7b",)
    assert settings.cors_origins == ("https://app.example.com", "http://localhost:5173")
    assert settings.moderation == "visitors"
    assert settings.log_level == "DEBUG"
    assert settings.secrets_age_seconds == 60
    assert settings.request_timeout_seconds == 110.5
    assert (settings.max_body_bytes, settings.config_cache_seconds, settings.config_cache_users) == (
        1000,
        0,
        5,
    )


def test_every_secret_is_read() -> None:
    """Secrets are read separately from the settings, from the same environment."""
    given = {
        "SUPABASE_SECRET_KEY": "sb_secret_def",
        "SUPABASE_SERVICE_ROLE_KEY": SERVICE_ROLE,
        "SUPABASE_JWT_SECRET": "s" * 32,
        "OPENAI_API_KEY": "sk-local",
        "ANTHROPIC_API_KEY": "sk-ant-x",
        "ORIGIN_SECRET": "sixteen-letters-",
    }
    secrets = Settings.from_env(LEAST | given).secrets.known
    read = {name.upper(): value.get_secret_value() for name, value in secrets}
    assert read == given


def test_blank_variables_count_as_not_set() -> None:
    """A deployment that passes every name on leaves some of them empty."""
    settings = Settings.from_env(LEAST | {"CORS_ORIGINS": "", "LOG_LEVEL": "  ", "ANTHROPIC_API_KEY": "\n"})
    assert (settings.cors_origins, settings.log_level) == (("*",), "INFO")
    assert settings.secrets.known.anthropic_api_key is None


def test_values_are_trimmed() -> None:
    """A line break at the end of a pasted key is removed."""
    settings = Settings.from_env(LEAST | {"SUPABASE_SECRET_KEY": " sb_secret_def\n"})
    assert settings.secrets.known.supabase_secret_key.get_secret_value() == "sb_secret_def"


def test_an_empty_environment_names_everything_that_is_needed_and_nothing_else() -> None:
    """One failed start names all of them."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({})
    named = [line.split()[1:4] for line in str(caught.value).splitlines()[1:]]
    assert named == [
        ["SUPABASE_URL", "is", "missing;"],
        ["SUPABASE_PUBLISHABLE_KEY", "is", "missing;"],
        ["SUPABASE_SECRET_KEY", "is", "missing;"],
        ["OPENAI_API_KEY", "is", "missing;"],
    ]


def test_several_faults_come_in_one_error_with_what_is_allowed() -> None:
    """No second start is needed to find the next error."""
    assert faults(LOG_LEVEL="loud", REQUEST_TIMEOUT_SECONDS="soon", OPENAI_API_KEY="") == [
        "- LOG_LEVEL is not valid; allowed: DEBUG, INFO, WARNING or ERROR",
        "- REQUEST_TIMEOUT_SECONDS is not valid; allowed: seconds, more than 0, at most 900",
        "- OPENAI_API_KEY is missing; allowed: a key; ANTHROPIC_API_KEY will do instead",
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SUPABASE_URL", "127.0.0.1:54321"),
        ("SUPABASE_URL", "ftp://example.com"),
        ("SUPABASE_JWKS_URL", "https://"),
        ("SUPABASE_JWT_ISSUER", "supabase"),
        ("SUPABASE_JWT_ISSUER_REQUIRED", "perhaps"),
        ("SUPABASE_JWT_SECRET", "s" * 31),
        ("OPENAI_BASE_URL", "https://example.com/v1?key=x"),
        ("ANTHROPIC_BASE_URL", "example.com"),
        ("PREMIUM_MODELS", ","),
        ("STANDARD_MODELS", "gpt 4o"),
        ("CORS_ORIGINS", "*, https://app.example.com"),
        ("ORIGIN_SECRET", "fifteen-letters"),
        ("MODERATION", "everybody"),
        ("CORS_ORIGINS", "https://app.example.com/path"),
        ("CORS_ORIGINS", ", ,"),
        ("LOG_LEVEL", "TRACE"),
        ("REQUEST_TIMEOUT_SECONDS", "0"),
        ("REQUEST_TIMEOUT_SECONDS", "901"),
        ("REQUEST_TIMEOUT_SECONDS", "nan"),
        ("MAX_BODY_BYTES", "0"),
        ("MAX_BODY_BYTES", "6000001"),
        ("CONFIG_CACHE_SECONDS", "-1"),
        ("CONFIG_CACHE_USERS", "0"),
        ("SECRETS_SSM_PATH", "nexscout"),
        ("SECRETS_SSM_PATH", "/nexscout prod"),
        ("SECRETS_AGE_SECONDS", "0"),
    ],
)
def test_a_value_that_is_not_allowed_is_named(name: str, value: str) -> None:
    """Only the invalid value is named, not the values derived from it."""
    lines = faults(**{name: value})
    assert len(lines) == 1
    assert lines[0].startswith(f"- {name} is not valid; allowed: ")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SUPABASE_PUBLISHABLE_KEY", "sb_secret_def"),
        ("SUPABASE_PUBLISHABLE_KEY", SERVICE_ROLE),
        ("SUPABASE_SECRET_KEY", "sb_publishable_abc"),
        ("SUPABASE_SECRET_KEY", ANON),
        ("SUPABASE_ANON_KEY", SERVICE_ROLE),
        ("SUPABASE_SERVICE_ROLE_KEY", ANON),
        ("SUPABASE_ANON_KEY", "anon"),
        ("SUPABASE_ANON_KEY", "a.!!!.c"),
        ("SUPABASE_ANON_KEY", "a.W10.c"),
    ],
)
def test_a_key_of_the_other_kind_is_refused_at_the_start(name: str, value: str) -> None:
    """With the two keys swapped, every visitor would have the service's rights."""
    lines = faults(**{name: value})
    assert [line.split()[1] for line in lines] == [name]


def test_the_legacy_keys_alone_are_enough_and_are_what_queries_carry() -> None:
    """Older projects have no `sb_` keys."""
    settings = Settings.from_env(
        {
            "SUPABASE_URL": "http://127.0.0.1:54321",
            "SUPABASE_ANON_KEY": ANON,
            "SUPABASE_SERVICE_ROLE_KEY": SERVICE_ROLE,
            "ANTHROPIC_API_KEY": "sk-ant-x",
        }
    )
    assert settings.supabase_publishable_key.get_secret_value() == ANON
    assert settings.secrets.known.supabase_secret_key.get_secret_value() == SERVICE_ROLE


def test_a_bad_legacy_key_is_named_once_where_it_stands_in_for_the_other() -> None:
    """The error names the variable that was set."""
    assert [line.split()[1] for line in faults(SUPABASE_PUBLISHABLE_KEY="", SUPABASE_ANON_KEY="x")] == [
        "SUPABASE_ANON_KEY"
    ]


def test_no_secret_shows_in_a_repr_or_an_error() -> None:
    """Settings appear in tracebacks and logs."""
    secrets = {
        "SUPABASE_JWT_SECRET": "hunter2-" * 4,
        "SUPABASE_ANON_KEY": ANON,
        "SUPABASE_SERVICE_ROLE_KEY": SERVICE_ROLE,
        "ANTHROPIC_API_KEY": "sk-ant-x",
    }
    settings = Settings.from_env(LEAST | secrets)
    shown = repr(
        [settings, settings.secrets, settings.secrets.known, settings.__dict__, vars(settings.secrets)]
    )
    assert not [key for key in [*list(LEAST.values())[1:], *secrets.values()] if key in shown]
    message = "\n".join(faults(SUPABASE_SECRET_KEY="hunter3", SUPABASE_JWT_SECRET="hunter2"))
    assert "hunter" not in message


def test_the_error_keeps_the_values_out_of_its_traceback() -> None:
    """The validation error behind it may be printed too."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(LEAST | {"SUPABASE_SECRET_KEY": "hunter3"})
    assert "hunter3" not in f"{caught.value.__context__!r}{caught.value.__cause__!r}"


def test_settings_cannot_be_changed() -> None:
    """A process has one set of settings."""
    settings = Settings.from_env(LEAST)
    with pytest.raises(ValidationError):
        settings.log_level = "DEBUG"


def test_unknown_variables_are_ignored() -> None:
    """An environment contains many other variables."""
    settings = Settings.from_env(LEAST | {"PATH": "/bin", "AWS_REGION": "x"})
    assert settings.model_dump() == Settings.from_env(LEAST).model_dump()


def test_moderation_needs_the_key_of_the_provider_that_has_it() -> None:
    """With only Anthropic's key no message could be judged, and so none could be answered."""
    read = faults(OPENAI_API_KEY="", ANTHROPIC_API_KEY="sk-ant-local", MODERATION="visitors")
    assert read == ["- MODERATION is not valid; allowed: off, or visitors (needs OPENAI_API_KEY)"]
