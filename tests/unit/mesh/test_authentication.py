"""Access tokens: what makes one acceptable, and every way in which it is not."""

import base64
import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from concord.governance.v1 import error_reason_pb2 as reasons
from services.development.issuer import DevelopmentIssuer
from services.mesh.errors import ConcordError
from services.mesh.identity.authentication import AuthenticationSettings, TokenAuthenticator
from services.mesh.identity.caller import Caller

ISSUER = "https://issuer.example"

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SHORT_RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - to be refused
EC_KEY = ec.generate_private_key(ec.SECP256R1())
ED_KEY = ed25519.Ed25519PrivateKey.generate()
STRANGERS_KEY = ec.generate_private_key(ec.SECP256R1())
SECRET = "0123456789abcdef0123456789abcdef"


def published() -> dict[str, Any]:
    octets = base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("=")
    keys = {
        "rsa": RSAAlgorithm.to_jwk(RSA_KEY.public_key(), as_dict=True) | {"alg": "RS256"},
        "short": RSAAlgorithm.to_jwk(SHORT_RSA_KEY.public_key(), as_dict=True),
        "ec": ECAlgorithm.to_jwk(EC_KEY.public_key(), as_dict=True),
        "ed": OKPAlgorithm.to_jwk(ED_KEY.public_key(), as_dict=True),
        "pss": RSAAlgorithm.to_jwk(RSA_KEY.public_key(), as_dict=True) | {"alg": "PS256"},
        "shared": {"kty": "oct", "k": octets, "alg": "HS256"},
        "encryption": ECAlgorithm.to_jwk(EC_KEY.public_key(), as_dict=True) | {"use": "enc"},
    }
    return {"keys": [{**key, "kid": key_id} for key_id, key in keys.items()]}


@pytest.fixture
def settings(tmp_path: Path) -> AuthenticationSettings:
    (tmp_path / "jwks.json").write_text(json.dumps(published()))
    return AuthenticationSettings(issuer=ISSUER, jwks_file=tmp_path / "jwks.json")


@pytest.fixture
def authenticator(settings: AuthenticationSettings) -> TokenAuthenticator:
    return TokenAuthenticator(settings)


def claims(**changed: Any) -> dict[str, Any]:
    now = int(time.time())
    usual = {
        "iss": ISSUER,
        "aud": "concord",
        "sub": "alice",
        "client_id": "console",
        "iat": now,
        "exp": now + 3600,
        "jti": str(uuid.uuid4()),
        "scope": "mdm.suppliers.read mdm.suppliers.write",
        "concord_entities": ["entities/north"],
    }
    return {name: value for name, value in (usual | changed).items() if value is not None}


def token(key: Any = EC_KEY, algorithm: str = "ES256", kid: str = "ec", typ: str = "at+jwt", **changed: Any) -> str:
    return jwt.encode(claims(**changed), key, algorithm, {"kid": kid, "typ": typ})


def refusal(authenticator: TokenAuthenticator, refused: str) -> ConcordError:
    with pytest.raises(ConcordError) as caught:
        authenticator.authenticate(refused)
    return caught.value


def check_that_fails(authenticator: TokenAuthenticator, refused: str) -> str:
    error = refusal(authenticator, refused)
    assert error.reason == reasons.ERROR_REASON_CREDENTIALS_INVALID
    return error.metadata["check"]


@pytest.mark.parametrize(
    ("key", "algorithm", "kid"), [(RSA_KEY, "RS256", "rsa"), (EC_KEY, "ES256", "ec"), (ED_KEY, "EdDSA", "ed")]
)
@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt"])
def test_a_token_of_the_issuer_tells_who_calls(
    authenticator: TokenAuthenticator, key: Any, algorithm: str, kid: str, typ: str
) -> None:
    assert authenticator.authenticate(token(key, algorithm, kid, typ)) == Caller(
        subject="alice",
        client="console",
        permissions=frozenset({"mdm.suppliers.read", "mdm.suppliers.write"}),
        entities=("entities/north",),
    )


def test_no_scope_and_no_entities_mean_none(authenticator: TokenAuthenticator) -> None:
    caller = authenticator.authenticate(token(scope=None, concord_entities=None))
    assert caller.permissions == frozenset()
    assert caller.entities == ()


def test_a_star_means_every_entity(authenticator: TokenAuthenticator) -> None:
    caller = authenticator.authenticate(token(concord_entities=["entities/north", "*"]))
    assert caller.entities == ("*",)
    assert caller.sees_every_entity


def test_the_outermost_actor_acts_and_the_subject_is_the_beginning(authenticator: TokenAuthenticator) -> None:
    caller = authenticator.authenticate(token(sub="alice", act={"sub": "adapter", "act": {"sub": "gateway"}}))
    assert caller.subject == "adapter"
    assert caller.on_behalf_of == ("gateway", "alice")


def test_one_of_several_audiences_is_enough(authenticator: TokenAuthenticator) -> None:
    assert authenticator.authenticate(token(aud=["other", "concord"])).subject == "alice"


def test_no_token_is_missing_credentials(authenticator: TokenAuthenticator) -> None:
    assert refusal(authenticator, "").reason == reasons.ERROR_REASON_CREDENTIALS_MISSING


def test_a_token_past_its_end_says_when_it_ended(authenticator: TokenAuthenticator) -> None:
    ended = int(time.time()) - 31
    error = refusal(authenticator, token(exp=ended))
    assert error.reason == reasons.ERROR_REASON_CREDENTIALS_EXPIRED
    assert datetime.fromisoformat(error.metadata["expired_at"]) == datetime.fromtimestamp(ended, UTC)


def test_the_issuers_clock_may_be_off_a_little(authenticator: TokenAuthenticator) -> None:
    now = int(time.time())
    assert authenticator.authenticate(token(exp=now - 20)).subject == "alice"
    assert authenticator.authenticate(token(iat=now + 20, nbf=now + 20)).subject == "alice"


@pytest.mark.parametrize("claim", ["iss", "aud", "exp", "iat", "sub", "client_id", "jti"])
def test_a_token_without_a_required_claim_is_refused(authenticator: TokenAuthenticator, claim: str) -> None:
    incomplete = {name: value for name, value in claims().items() if name != claim}
    assert (
        check_that_fails(authenticator, jwt.encode(incomplete, EC_KEY, "ES256", {"kid": "ec", "typ": "at+jwt"}))
        == claim
    )


@pytest.mark.parametrize(
    ("changed", "check"),
    [
        ({"iss": "https://other.example"}, "issuer"),
        ({"aud": "other"}, "audience"),
        ({"aud": ["other"]}, "audience"),
        ({"iat": int(time.time()) + 3600}, "not_before"),
        ({"nbf": int(time.time()) + 3600}, "not_before"),
        ({"exp": "soon"}, "format"),
        ({"sub": ""}, "sub"),
        ({"client_id": 7}, "client_id"),
        ({"sub": "a" * 256}, "sub"),
        ({"client_id": "a" * 256}, "client_id"),
        ({"sub": "a\0b"}, "sub"),
        ({"client_id": " "}, "client_id"),
        ({"scope": ["a"]}, "scope"),
        ({"concord_entities": "entities/north"}, "concord_entities"),
        ({"concord_entities": ["north"]}, "concord_entities"),
        ({"concord_entities": [{}]}, "concord_entities"),
        ({"act": "adapter"}, "act"),
        ({"act": {}}, "act"),
        ({"act": {"sub": "a", "act": {"sub": 1}}}, "act"),
    ],
)
def test_a_token_with_a_wrong_claim_is_refused(
    authenticator: TokenAuthenticator, changed: dict[str, Any], check: str
) -> None:
    assert check_that_fails(authenticator, token(**changed)) == check


def test_an_endless_chain_of_actors_is_refused(authenticator: TokenAuthenticator) -> None:
    chain: dict[str, Any] = {"sub": "first"}
    for _ in range(8):
        chain = {"sub": "later", "act": chain}
    assert check_that_fails(authenticator, token(act=chain)) == "act"


@pytest.mark.parametrize(
    ("refused", "check"),
    [
        ("x", "format"),
        ("a.b.c", "format"),
        ("[" * 20_000, "format"),
        (base64.urlsafe_b64encode(b"[" * 12_000).decode() + ".e30.x", "format"),
        (token(typ="JWT"), "type"),
        (token(typ="id+jwt"), "type"),
        (token(typ="at+jwt;x"), "type"),
        (jwt.encode(claims(), "", "none", {"kid": "ec", "typ": "at+jwt"}), "algorithm"),
        (token(SECRET, "HS256", "shared"), "algorithm"),
        (token(RSA_KEY, "PS256", "pss"), "algorithm"),
        (token(EC_KEY, "ES256", "rsa"), "algorithm"),
        (token(RSA_KEY, "RS256", "pss"), "algorithm"),
        (token(kid="unknown"), "key"),
        (token(kid="encryption"), "key"),
        (jwt.encode(claims(), EC_KEY, "ES256", {"typ": "at+jwt"}), "key"),
        (token(STRANGERS_KEY), "signature"),
        (token()[:-8] + "AAAAAAAA", "signature"),
        # 63 whole bytes of the signature's 64, and a rest of base64 that is no byte.
        (token()[:-2], "signature"),
        (token()[:-1], "format"),
    ],
)
def test_a_token_that_is_not_the_issuers_access_token_is_refused(
    authenticator: TokenAuthenticator, refused: str, check: str
) -> None:
    assert check_that_fails(authenticator, refused) == check


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_a_token_signed_with_a_short_key_is_refused(authenticator: TokenAuthenticator) -> None:
    assert check_that_fails(authenticator, token(SHORT_RSA_KEY, "RS256", "short")) == "key_length"


def test_an_altered_claim_breaks_the_signature(authenticator: TokenAuthenticator) -> None:
    header, _, signature = token().split(".")
    forged = base64.urlsafe_b64encode(json.dumps(claims(concord_entities=["*"])).encode()).decode().rstrip("=")
    assert check_that_fails(authenticator, f"{header}.{forged}.{signature}") == "signature"


def test_an_expired_token_of_a_stranger_is_not_told_when_it_ended(authenticator: TokenAuthenticator) -> None:
    assert check_that_fails(authenticator, token(STRANGERS_KEY, exp=1)) == "signature"


class CountedKeys:
    """Keys in memory that count how often they are looked for."""

    def __init__(self) -> None:
        self.keys = {key["kid"]: key for key in published()["keys"]}
        self.asked = 0

    def find(self, key_id: str) -> jwt.PyJWK | None:
        self.asked += 1
        return jwt.PyJWK(self.keys[key_id]) if key_id in self.keys else None


class Clock:
    """A clock that goes when told to; it only decides how long verified tokens are remembered."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


def test_a_verified_token_is_not_verified_again_until_its_time_is_up(settings: AuthenticationSettings) -> None:
    clock, keys = Clock(), CountedKeys()
    authenticator = TokenAuthenticator(settings, clock=clock, keys=keys)
    long_lived, short_lived = token(exp=int(clock.now) + 9000), token(exp=int(clock.now) + 60)
    first = [authenticator.authenticate(each) for each in (long_lived, short_lived)]
    assert [authenticator.authenticate(each) for each in (long_lived, short_lived)] == first
    assert keys.asked == 2
    clock.now += 95
    authenticator.authenticate(short_lived)
    assert keys.asked == 3
    clock.now += 210
    authenticator.authenticate(long_lived)
    assert keys.asked == 4


def test_a_withdrawn_key_stops_counting_within_five_minutes(settings: AuthenticationSettings) -> None:
    clock, keys = Clock(), CountedKeys()
    authenticator = TokenAuthenticator(settings, clock=clock, keys=keys)
    accepted = token(exp=int(clock.now) + 9000)
    authenticator.authenticate(accepted)
    del keys.keys["ec"]
    clock.now += 301
    assert check_that_fails(authenticator, accepted) == "key"


def test_refusals_are_not_remembered(settings: AuthenticationSettings) -> None:
    keys = CountedKeys()
    authenticator = TokenAuthenticator(settings, keys=keys)
    early = token(kid="later")
    assert check_that_fails(authenticator, early) == "key"
    keys.keys["later"] = keys.keys["ec"] | {"kid": "later"}
    assert authenticator.authenticate(early).subject == "alice"


def test_the_number_of_remembered_tokens_is_bounded(settings: AuthenticationSettings) -> None:
    keys = CountedKeys()
    few = AuthenticationSettings(issuer=ISSUER, jwks_file=settings.jwks_file, cached_tokens=2)
    authenticator = TokenAuthenticator(few, keys=keys)
    first, second, third = token(), token(), token()
    for each in (first, second, third, third, second):
        authenticator.authenticate(each)
    assert keys.asked == 3
    authenticator.authenticate(first)
    assert keys.asked == 4


def test_the_development_issuers_tokens_are_accepted(tmp_path: Path) -> None:
    issuer = DevelopmentIssuer(tmp_path / "issuer")
    settings = AuthenticationSettings(issuer=issuer.issuer, jwks_file=issuer.jwks_file)
    issued = issuer.issue("adapter", "erp", ["b", "a"], ["entities/north"], on_behalf_of=["gateway", "alice"])
    expected = Caller("adapter", "erp", ("gateway", "alice"), frozenset({"a", "b"}), ("entities/north",))
    assert TokenAuthenticator(settings).authenticate(issued) == expected
    again = DevelopmentIssuer(tmp_path / "issuer").issue("bob", "console", [])
    assert TokenAuthenticator(settings).authenticate(again).subject == "bob"
    expired = issuer.issue("bob", "console", [], lifetime=timedelta(minutes=-5))
    assert refusal(TokenAuthenticator(settings), expired).reason == reasons.ERROR_REASON_CREDENTIALS_EXPIRED


def test_the_development_issuers_key_and_tokens_are_only_their_owners(tmp_path: Path) -> None:
    issuer = DevelopmentIssuer(tmp_path / "issuer")
    written = issuer.write_token(tmp_path / "token", issuer.issue("bob", "console", []))
    key = tmp_path / "issuer" / "jwks-private.json"
    assert [path.stat().st_mode & 0o777 for path in (key, written, tmp_path / "issuer")] == [0o600, 0o600, 0o700]


def test_development_issuers_that_start_at_once_share_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        issuers = list(pool.map(lambda _: DevelopmentIssuer(tmp_path / "issuer"), range(8)))
    authenticator = TokenAuthenticator(AuthenticationSettings(issuer=issuers[0].issuer, jwks_file=issuers[0].jwks_file))
    for issuer in issuers:
        assert authenticator.authenticate(issuer.issue("bob", "console", [])).subject == "bob"
    assert sorted(path.name for path in (tmp_path / "issuer").iterdir()) == ["jwks-private.json", "jwks.json"]
