"""Verified tokens and known keys decide who calls; every other token is refused."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shared.deadline import Deadline
from shared.errors import DeadlineExceeded, ServiceUnavailable, Unauthorized
from shared.settings import Settings
from shared.supabase.auth import Authenticator, Caller
from tests.shared.clock import HandClock
from tests.shared.supabase.issuer import USER_ID, Issuer, public_jwk, serving

DAY_SECONDS = 86_400
"""Tokens are dated when this file is read, and used when their test runs."""

EC_KEY = ec.generate_private_key(ec.SECP256R1())
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
STRANGER = ec.generate_private_key(ec.SECP256R1())

SECRET = "an-older-secret-of-user-tokens-0123456789"
PUBLISHABLE = "sb_publishable_abc"
SECRET_KEY = "sb_secret_def"

Connect = Callable[..., Authenticator]


def encoded(part: object) -> str:
    """Return a part of a token, as JSON Web Signatures encode it."""
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed_by_hand(header: object, claims: object, secret: bytes) -> str:
    """Return an HS256 token that a library would refuse to create."""
    signed = f"{encoded(header)}.{encoded(claims)}"
    return f"{signed}.{encoded(hmac.digest(secret, signed.encode(), hashlib.sha256))}"


def legacy(role: str) -> str:
    """Return a legacy key: a token signed with the legacy secret."""
    return signed_by_hand(
        {"alg": "HS256", "typ": "JWT"}, {"role": role, "exp": 4_000_000_000}, SECRET.encode()
    )


ANON, SERVICE_ROLE = legacy("anon"), legacy("service_role")


@pytest.fixture(scope="module")
async def issuer() -> AsyncIterator[Issuer]:
    """Yield an issuer that publishes an elliptic-curve and an RSA key."""
    async with serving() as running:
        running.keys = [public_jwk(EC_KEY, "first"), public_jwk(RSA_KEY, "rsa")]
        yield running


@pytest.fixture
async def connect(issuer: Issuer) -> AsyncIterator[Connect]:
    """Return what creates an authenticator of the issuer's project, with changes of its environment."""
    async with httpx.AsyncClient() as http:

        def make(**env: str) -> Authenticator:
            given = {
                "SUPABASE_URL": issuer.url,
                "SUPABASE_PUBLISHABLE_KEY": PUBLISHABLE,
                "SUPABASE_SECRET_KEY": SECRET_KEY,
                "SUPABASE_ANON_KEY": ANON,
                "SUPABASE_SERVICE_ROLE_KEY": SERVICE_ROLE,
                "SUPABASE_JWT_SECRET": SECRET,
                "OPENAI_API_KEY": "sk-local",
            }
            return Authenticator(Settings.from_env(given | env), http, HandClock())

        yield make


def bearer(token: str, **others: str) -> dict[str, str]:
    """Return the headers of a caller with this token."""
    return {"Authorization": f"Bearer {token}", **others}


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "HS256"])
async def test_fault_13_a_valid_token_of_each_kind_is_a_user(
    connect: Connect, issuer: Issuer, algorithm: str
) -> None:
    """Users of projects of every age can sign in (fault 13)."""
    token = {
        "ES256": issuer.token(EC_KEY, "first"),
        "RS256": issuer.token(RSA_KEY, "rsa"),
        "HS256": jwt.encode(issuer.claims(), SECRET, "HS256"),
    }[algorithm]
    assert await connect().authenticate(bearer(token)) == Caller("user", USER_ID, token)


async def test_the_user_id_is_given_in_lower_case(connect: Connect, issuer: Issuer) -> None:
    """It is compared with the database's ids, which are lower case."""
    token = issuer.token(EC_KEY, sub=USER_ID.upper())
    assert (await connect().authenticate(bearer(token))).user_id == USER_ID


async def test_an_audience_list_with_ours_is_accepted(connect: Connect, issuer: Issuer) -> None:
    """The standard allows a list of audiences."""
    token = issuer.token(EC_KEY, aud=["other", "authenticated"])
    assert (await connect().authenticate(bearer(token))).kind == "user"


@pytest.mark.parametrize(("claim", "offset"), [("exp", -2), ("nbf", 3), ("iat", 3)])
async def test_clocks_may_differ_by_a_few_seconds(
    connect: Connect, issuer: Issuer, claim: str, offset: int
) -> None:
    """Issuer and function run on different machines."""
    token = issuer.token(EC_KEY, **{claim: int(time.time()) + offset})
    assert (await connect().authenticate(bearer(token))).kind == "user"


FAULTY_CLAIMS: list[tuple[str, dict[str, object]]] = [
    ("expired", {"exp": int(time.time()) - 60}),
    ("expired beyond the leeway", {"exp": int(time.time()) - 7}),
    ("no expiry", {"exp": None}),
    ("expiry is text", {"exp": "soon"}),
    ("expiry is a list", {"exp": [4_000_000_000]}),
    ("not valid yet", {"nbf": int(time.time()) + DAY_SECONDS}),
    ("issued in the future", {"iat": int(time.time()) + DAY_SECONDS}),
    ("other issuer", {"iss": "https://other.supabase.co/auth/v1"}),
    ("empty issuer", {"iss": ""}),
    ("issuer is a list", {"iss": ["https://other.supabase.co/auth/v1"]}),
    ("no issuer", {"iss": None}),
    ("other audience", {"aud": "anon"}),
    ("other audiences", {"aud": ["anon", "service"]}),
    ("no audience", {"aud": None}),
    ("empty audience", {"aud": ""}),
    ("no subject", {"sub": None}),
    ("subject is no id", {"sub": "admin"}),
    ("subject is an id in another form", {"sub": "{6f1d1c4e-52a5-4c1b-9e57-0d8e4c1b2a3f}"}),
    ("subject without hyphens", {"sub": "6f1d1c4e52a54c1b9e570d8e4c1b2a3f"}),
    ("subject is a number", {"sub": 7}),
    ("role anon", {"role": "anon"}),
    ("role service_role", {"role": "service_role"}),
    ("no role", {"role": None}),
]


@pytest.mark.parametrize("claims", [c for _, c in FAULTY_CLAIMS], ids=[name for name, _ in FAULTY_CLAIMS])
@pytest.mark.parametrize("algorithm", ["ES256", "HS256"])
async def test_fault_13_a_token_with_a_faulty_claim_is_refused(
    connect: Connect, issuer: Issuer, algorithm: str, claims: dict[str, object]
) -> None:
    """A token with an invalid claim is refused however it is signed, and also beside a valid key (fault 13)."""
    if algorithm == "ES256":
        token = issuer.token(EC_KEY, **claims)
    else:
        token = signed_by_hand({"alg": "HS256"}, issuer.claims(**claims), SECRET.encode())
    with pytest.raises(Unauthorized):
        await connect().authenticate(bearer(token, apikey=PUBLISHABLE))


def pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    """Return the public key in its textual form."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def der(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    """Return the public key in its binary form."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


FORGERIES: list[tuple[str, Callable[[Issuer], str]]] = [
    ("none", lambda i: f"{encoded({'alg': 'none', 'typ': 'JWT'})}.{encoded(i.claims())}."),
    ("None with a key id", lambda i: f"{encoded({'alg': 'None', 'kid': 'first'})}.{encoded(i.claims())}."),
    ("no algorithm", lambda i: f"{encoded({'kid': 'first'})}.{encoded(i.claims())}.{encoded(b'x' * 64)}"),
    ("signed by a stranger", lambda i: i.token(STRANGER, "first")),
    ("unknown key id", lambda i: i.token(EC_KEY, "nobody's")),
    ("no key id", lambda i: jwt.encode(i.claims(), EC_KEY, "ES256")),
    ("key id is a number", lambda i: f"{encoded({'alg': 'ES256', 'kid': 1})}.{encoded(i.claims())}.eA"),
    (
        "public key as secret",
        lambda i: signed_by_hand({"alg": "HS256", "kid": "first"}, i.claims(), pem(EC_KEY)),
    ),
    (
        "public RSA key as secret",
        lambda i: signed_by_hand({"alg": "HS256", "kid": "rsa"}, i.claims(), pem(RSA_KEY)),
    ),
    (
        "binary public key as secret",
        lambda i: signed_by_hand({"alg": "HS256", "kid": "first"}, i.claims(), der(EC_KEY)),
    ),
    (
        "published key as secret",
        lambda i: signed_by_hand(
            {"alg": "HS256", "kid": "first"}, i.claims(), json.dumps(public_jwk(EC_KEY, "first")).encode()
        ),
    ),
    ("RSA key under an elliptic key id", lambda i: i.token(RSA_KEY, "first")),
    ("elliptic key under an RSA key id", lambda i: i.token(EC_KEY, "rsa")),
    ("RSA algorithm of another padding", lambda i: jwt.encode(i.claims(), RSA_KEY, "PS256", {"kid": "rsa"})),
    ("RSA algorithm of another hash", lambda i: jwt.encode(i.claims(), RSA_KEY, "RS512", {"kid": "rsa"})),
    ("secret algorithm of another hash", lambda i: jwt.encode(i.claims(), SECRET * 2, "HS512")),
    ("other secret", lambda i: jwt.encode(i.claims(), SECRET + "!", "HS256")),
    ("empty secret", lambda i: signed_by_hand({"alg": "HS256"}, i.claims(), b"")),
    (
        "key brought along",
        lambda i: jwt.encode(
            i.claims(), STRANGER, "ES256", {"kid": "mine", "jwk": public_jwk(STRANGER, "mine"), "jku": i.url}
        ),
    ),
    (
        "unknown critical header",
        lambda i: jwt.encode(i.claims(), EC_KEY, "ES256", {"kid": "first", "crit": ["x"], "x": 1}),
    ),
    ("claims changed", lambda i: swapped(i.token(EC_KEY), i.token(EC_KEY, sub=USER_ID[::-1]))),
    ("signature cut off", lambda i: i.token(EC_KEY).rsplit(".", 1)[0] + "."),
    ("one part missing", lambda i: i.token(EC_KEY).rsplit(".", 1)[0]),
    ("a part too many", lambda i: i.token(EC_KEY) + ".eA"),
    ("claims are a list", lambda _: signed_by_hand({"alg": "HS256"}, [], SECRET.encode())),
    ("claims are no JSON", lambda _: signed_by_hand({"alg": "HS256"}, b"{", SECRET.encode())),
    ("header is a list", lambda i: f"{encoded([])}.{encoded(i.claims())}.eA"),
    ("header without end", lambda i: f"{encoded(b'[' * 100_000)}.{encoded(i.claims())}.eA"),
    ("header is no text", lambda i: f"{encoded(bytes([0xFF]))}.{encoded(i.claims())}.eA"),
    (
        "algorithm is a list",
        lambda i: f"{encoded({'alg': ['ES256'], 'kid': 'first'})}.{encoded(i.claims())}.eA",
    ),
    ("not base64", lambda _: "a.b!.c"),
    ("undefined", lambda _: "undefined"),
    ("the user's id", lambda _: USER_ID),
]


def swapped(first: str, second: str) -> str:
    """Return the second token's claims under the first one's signature."""
    (header, _, signature), claims = first.split("."), second.split(".")[1]
    return f"{header}.{claims}.{signature}"


@pytest.mark.parametrize("forge", [f for _, f in FORGERIES], ids=[name for name, _ in FORGERIES])
@pytest.mark.parametrize("secret", [SECRET, ""], ids=["with legacy secret", "without"])
async def test_fault_11_a_forged_or_broken_token_is_refused(
    connect: Connect, issuer: Issuer, secret: str, forge: Callable[[Issuer], str]
) -> None:
    """A bad token never becomes an anonymous caller or the service, not even beside a valid key (fault 11)."""
    authenticator = connect(SUPABASE_JWT_SECRET=secret)
    for key in (PUBLISHABLE, SECRET_KEY, ""):
        with pytest.raises(Unauthorized):
            await authenticator.authenticate(bearer(forge(issuer), apikey=key))


async def test_a_legacy_token_is_refused_where_no_legacy_secret_is_set(
    connect: Connect, issuer: Issuer
) -> None:
    """A project without the legacy secret accepts no token signed with it."""
    token = jwt.encode(issuer.claims(), SECRET, "HS256")
    with pytest.raises(Unauthorized):
        await connect(SUPABASE_JWT_SECRET="").authenticate(bearer(token))


async def test_a_missing_issuer_is_accepted_only_where_the_settings_say_so(
    connect: Connect, issuer: Issuer
) -> None:
    """The local sign-in service sets no issuer; a wrong one is refused anyway."""
    authenticator = connect(SUPABASE_JWT_ISSUER_REQUIRED="false")
    without = jwt.encode(issuer.claims(iss=None), SECRET, "HS256")
    assert (await authenticator.authenticate(bearer(without))).user_id == USER_ID
    assert (await authenticator.authenticate(bearer(issuer.token(EC_KEY)))).user_id == USER_ID
    for wrong in ("https://other.supabase.co/auth/v1", ""):
        with pytest.raises(Unauthorized):
            await authenticator.authenticate(bearer(issuer.token(EC_KEY, iss=wrong)))
    with_null = signed_by_hand({"alg": "HS256"}, issuer.claims() | {"iss": None}, SECRET.encode())
    with pytest.raises(Unauthorized):
        await authenticator.authenticate(bearer(with_null))


ANONYMOUS, SERVICE = Caller("anonymous"), Caller("service")

KEY_HEADERS: list[tuple[dict[str, str], Caller | None]] = [
    ({"apikey": PUBLISHABLE}, ANONYMOUS),
    ({"apikey": PUBLISHABLE, "Authorization": f"Bearer {PUBLISHABLE}"}, ANONYMOUS),
    ({"apikey": ANON}, ANONYMOUS),
    ({"apikey": ANON, "Authorization": f"Bearer {ANON}"}, ANONYMOUS),
    ({"apikey": SECRET_KEY}, SERVICE),
    ({"apikey": SECRET_KEY, "Authorization": f"Bearer {SECRET_KEY}"}, SERVICE),
    ({"apikey": SERVICE_ROLE}, SERVICE),
    ({"apikey": SERVICE_ROLE, "Authorization": f"Bearer {SERVICE_ROLE}"}, SERVICE),
    # As on hosted projects: only a legacy key, which is a token, may be the bearer without a key beside it.
    ({"Authorization": f"Bearer {ANON}"}, ANONYMOUS),
    ({"Authorization": f"Bearer {SERVICE_ROLE}"}, SERVICE),
    ({"Authorization": f"Bearer {PUBLISHABLE}"}, None),
    ({"Authorization": f"Bearer {SECRET_KEY}"}, None),
    # Names and scheme are case-insensitive, and blanks around a value are ignored.
    ({"APIKEY": f" {PUBLISHABLE} ", "authorization": f"bearer  {PUBLISHABLE}"}, ANONYMOUS),
    ({"apikey": PUBLISHABLE, "Authorization": "  "}, ANONYMOUS),
    # Keys that do not agree.
    ({"apikey": PUBLISHABLE, "Authorization": f"Bearer {SECRET_KEY}"}, None),
    ({"apikey": SECRET_KEY, "Authorization": f"Bearer {PUBLISHABLE}"}, None),
    ({"apikey": PUBLISHABLE, "Authorization": f"Bearer {ANON}"}, None),
    ({"apikey": PUBLISHABLE, "Authorization": f"Bearer {SERVICE_ROLE}"}, None),
    # Nothing, and unknown keys.
    ({}, None),
    ({"apikey": ""}, None),
    ({"apikey": "sb_publishable_other"}, None),
    ({"apikey": "sb_secret_other", "Authorization": "Bearer sb_secret_other"}, None),
    ({"apikey": PUBLISHABLE[:-1]}, None),
    ({"apikey": f"{PUBLISHABLE}, {PUBLISHABLE}"}, None),
    ({"apikey": "ключ"}, None),
    ({"apikey": "\ud800"}, None),
    ({"x-api-key": SECRET_KEY}, None),
    # No bearer at all.
    ({"apikey": PUBLISHABLE, "Authorization": "Bearer"}, None),
    ({"apikey": PUBLISHABLE, "Authorization": f"Basic {PUBLISHABLE}"}, None),
    ({"apikey": PUBLISHABLE, "Authorization": f"Bearer {PUBLISHABLE} {PUBLISHABLE}"}, None),
    ({"apikey": PUBLISHABLE, "Authorization": "Bearer \ud800"}, None),
]


@pytest.mark.parametrize(("headers", "caller"), KEY_HEADERS)
async def test_keys_are_known_in_their_places_and_nowhere_else(
    connect: Connect, headers: dict[str, str], caller: Caller | None
) -> None:
    """Each line is one request, with the caller or a refusal (None) in the last column."""
    authenticator = connect()
    if caller is None:
        with pytest.raises(Unauthorized):
            await authenticator.authenticate(headers)
    else:
        assert await authenticator.authenticate(headers) == caller


async def test_fault_13_project_keys_are_never_parsed_as_tokens(connect: Connect, issuer: Issuer) -> None:
    """A bearer that starts like a key is refused as one, whatever follows (fault 13)."""
    before = issuer.requests
    with pytest.raises(Unauthorized):
        await connect().authenticate(bearer(f"sb_{issuer.token(EC_KEY)}", apikey=PUBLISHABLE))
    assert issuer.requests == before


@pytest.mark.parametrize("key", [PUBLISHABLE, ANON, SECRET_KEY, SERVICE_ROLE, "sb_publishable_other", ""])
async def test_a_user_token_decides_whatever_key_stands_beside_it(
    connect: Connect, issuer: Issuer, key: str
) -> None:
    """A user with the secret key beside the token is still that user, with no more rights."""
    token = issuer.token(EC_KEY)
    caller = await connect().authenticate(bearer(token, apikey=key))
    assert (caller.kind, caller.user_id) == ("user", USER_ID)


async def test_legacy_keys_that_are_not_configured_open_nothing(connect: Connect) -> None:
    """They are signed with the project's secret, but are not users' tokens."""
    authenticator = connect(SUPABASE_ANON_KEY="", SUPABASE_SERVICE_ROLE_KEY="")
    for key in (ANON, SERVICE_ROLE):
        for headers in ({"apikey": key}, bearer(key), bearer(key, apikey=key)):
            with pytest.raises(Unauthorized):
                await authenticator.authenticate(headers)


async def test_a_token_that_cannot_be_checked_is_no_refusal(connect: Connect, issuer: Issuer) -> None:
    """An outage of the issuer signs nobody out: the reply is 503, and the next try succeeds."""
    authenticator, headers = connect(), bearer(issuer.token(EC_KEY))
    issuer.status = 500
    with pytest.raises(ServiceUnavailable):
        await authenticator.authenticate(headers)
    issuer.status = 200
    assert (await authenticator.authenticate(headers)).user_id == USER_ID


async def test_an_issuer_that_is_down_stops_only_the_tokens_that_need_it(connect: Connect) -> None:
    """Keys and legacy tokens are checked without the issuer."""
    authenticator = connect(SUPABASE_JWKS_URL="http://127.0.0.1:9/jwks.json")
    assert await authenticator.authenticate({"apikey": PUBLISHABLE}) == ANONYMOUS
    claims = Issuer(1).claims(iss=None)
    relaxed = connect(SUPABASE_JWKS_URL="http://127.0.0.1:9/jwks.json", SUPABASE_JWT_ISSUER_REQUIRED="false")
    assert (await relaxed.authenticate(bearer(jwt.encode(claims, SECRET, "HS256")))).user_id == USER_ID


async def test_a_request_without_remaining_time_gets_that_error(connect: Connect, issuer: Issuer) -> None:
    """The check uses only its part of the request's budget."""
    with pytest.raises(DeadlineExceeded):
        await connect().authenticate(bearer(issuer.token(EC_KEY)), Deadline.starting(0))


async def test_the_token_of_a_caller_does_not_show(connect: Connect, issuer: Issuer) -> None:
    """Callers appear in tracebacks."""
    token = issuer.token(EC_KEY)
    caller = await connect().authenticate(bearer(token))
    assert caller.token == token
    assert token not in repr(caller)


async def test_the_key_set_is_read_once_for_many_users(connect: Connect, issuer: Issuer) -> None:
    """A warm check makes no request."""
    authenticator, before = connect(), issuer.requests
    for user in ("11111111-1111-4111-8111-111111111111", USER_ID):
        caller = await authenticator.authenticate(bearer(issuer.token(EC_KEY, sub=user)))
        assert caller.user_id == user
    assert issuer.requests == before + 1
