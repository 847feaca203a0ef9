"""Tokens that look like sign-ins and are none: each is 401, never 500, and repeats nothing that was sent."""

import hmac
import json
import time
import warnings
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from joserfc.jwk import ECKey, OKPKey, RSAKey

from app.access.oidc import issuer_keys
from app.principal import Role
from tests.support.actors import Actor, Tenancy
from tests.support.issuer import Issuer, encode, http_answer, sign

DEEP = b'{"a":' * 700 + b"1" + b"}" * 700
Make = Callable[[Issuer], str]


@pytest.fixture
async def issuer(tenancy: Tenancy) -> AsyncIterator[Issuer]:
    async with Issuer() as started:
        started.rotate("first", "RS256")
        await started.bind(tenancy, (None, Role.ADMIN))
        yield started


def claims(**changes: Any) -> Make:
    """A well-signed token with other claims."""
    return lambda issuer: issuer.token(**changes)


def header(**changes: Any) -> Make:
    """A well-signed token with other headers."""
    return lambda issuer: issuer.token(header=changes)


def body(content: bytes) -> Make:
    """A well-signed token with any body."""

    def make(issuer: Issuer) -> str:
        return sign(key_of(issuer), "RS256", {"typ": "JWT", "kid": "first"}, content)

    return make


def raw_claim(text: str) -> Make:
    """A well-signed token whose body holds this JSON text."""

    def make(issuer: Issuer) -> str:
        good = json.dumps(issuer.claims(exp=None))[:-1]
        return body(f"{good}, {text}}}".encode())(issuer)

    return make


def key_of(issuer: Issuer) -> Any:
    return issuer.keys["first"][1]


def forged(key: Any, algorithm: str, **head: Any) -> Make:
    """A token that another key signed."""
    return lambda issuer: sign(key, algorithm, {"typ": "JWT", "kid": "first", **head}, issuer.claims())


def by_public_key(algorithm: str, form: str) -> Make:
    """A token signed with the text of the public key as a shared secret."""

    def make(issuer: Issuer) -> str:
        text = {
            "pem": key_of(issuer).as_pem(private=False),
            "json": json.dumps(key_of(issuer).as_dict(private=False)).encode(),
        }
        signed = f"{encode({'alg': algorithm, 'typ': 'JWT', 'kid': 'first'})}.{encode(issuer.claims())}"
        digest = hmac.digest(text[form], signed.encode(), algorithm.replace("HS", "sha"))
        return f"{signed}.{encode(digest)}"

    return make


def parts(change: Callable[[list[str]], list[str]]) -> Make:
    """A good token with its parts changed."""
    return lambda issuer: ".".join(change(issuer.token().split(".")))


def unsigned(algorithm: Any, signature: str = "") -> Make:
    return lambda issuer: ".".join([encode({"alg": algorithm, "typ": "JWT"}), encode(issuer.claims()), signature])


def swapped_body(issuer: Issuer) -> str:
    head, _, signature = issuer.token().split(".")
    return f"{head}.{encode(issuer.claims(sub='admin'))}.{signature}"


def unknown_issuer(issuer: Issuer) -> str:
    return issuer.token(iss="https://issuer.example")


NOW = int(time.time())
OTHER_RSA, OTHER_EC, OTHER_OKP = RSAKey.generate_key(2048), ECKey.generate_key("P-256"), OKPKey.generate_key("Ed25519")
HOSTILE: dict[str, Make] = {
    "another issuer": unknown_issuer,
    "issuer with a slash": lambda issuer: issuer.token(iss=f"{issuer.url}/"),
    "issuer in capitals": lambda issuer: issuer.token(iss=issuer.url.upper()),
    "no issuer": claims(iss=None),
    "issuer list": lambda issuer: issuer.token(iss=[issuer.url]),
    "issuer number": claims(iss=1),
    "issuer object": claims(iss={}),
    "issuer with NUL": claims(iss="https://a\0b"),
    "issuer surrogate": body(b'{"iss": "\\ud800"}'),
    "issuer long": claims(iss="https://" + "a" * 3_000),
    "no audience": claims(aud=None),
    "another audience": claims(aud="someone-else"),
    "audience prefix": claims(aud="fa-readiness-2"),
    "audience list without ours": claims(aud=["a", "b"]),
    "audience list of odd things": claims(aud=["fa-readiness", 1]),
    "audience object": claims(aud={"fa-readiness": True}),
    "audience nested": claims(aud=[["fa-readiness"]]),
    "audience empty": claims(aud=[]),
    "no expiry": claims(exp=None),
    "expired": claims(exp=NOW - 3_600, iat=NOW - 7_200),
    "expiry zero": claims(exp=0),
    "expiry negative": claims(exp=-1),
    "expiry text": claims(exp=str(NOW + 600)),
    "expiry true": claims(exp=True),
    "expiry list": claims(exp=[NOW + 600]),
    "expiry far": claims(exp=10**12),
    "expiry 1e400": raw_claim('"exp": 1e400'),
    "expiry -1e400": raw_claim('"exp": -1e400'),
    "expiry NaN": raw_claim('"exp": NaN'),
    "expiry Infinity": raw_claim('"exp": Infinity'),
    "expiry of 400 digits": raw_claim('"exp": ' + "9" * 400),
    "expiry of 5000 digits": raw_claim('"exp": ' + "9" * 5_000),
    "expiry twice": raw_claim(f'"exp": 1, "exp": {NOW + 600}'),
    "expiry null": raw_claim('"exp": null'),
    "not before later": claims(nbf=NOW + 3_600),
    "not before text": claims(nbf="0"),
    "not before 1e400": lambda issuer: body(json.dumps(issuer.claims())[:-1].encode() + b', "nbf": 1e400}')(issuer),
    "issued later": claims(iat=NOW + 3_600),
    "issued true": claims(iat=True),
    "no subject": claims(sub=None),
    "subject number": claims(sub=7),
    "subject empty": claims(sub=""),
    "subject with NUL": claims(sub="a\0"),
    "subject surrogate": raw_claim(f'"exp": {NOW + 600}, "x": "\\ud800", "sub": "\\udfff"'),
    "subject long": claims(sub="a" * 256),
    "subject object": claims(sub={"$ne": None}),
    "id token by use": claims(token_use="id"),
    "refresh token": claims(typ="Refresh"),
    "id token by type": claims(typ="ID"),
    "logout token": claims(events={"http://schemas.openid.net/event/backchannel-logout": {}}),
    "type of another kind": header(typ="secevent+jwt"),
    "type dpop": header(typ="dpop+jwt"),
    "type number": header(typ=1),
    "type null": header(typ=None),
    "critical header": lambda issuer: ".".join(
        [encode({"alg": "RS256", "kid": "first", "typ": "JWT", "crit": ["x"], "x": 1}), *issuer.token().split(".")[1:]]
    ),
    "unencoded payload": lambda issuer: ".".join(
        [encode({"alg": "RS256", "kid": "first", "typ": "JWT", "b64": False}), *issuer.token().split(".")[1:]]
    ),
    "unknown key id": header(kid="second"),
    "key id path": header(kid="../../../../dev/null"),
    "key id of SQL": header(kid="first' or '1'='1"),
    "key id number": header(kid=1),
    "key id long": header(kid="a" * 1_000),
    "algorithm none": unsigned("none"),
    "algorithm None": unsigned("None"),
    "algorithm none with a signature": unsigned("none", "AAAA"),
    "no algorithm": unsigned(None, "AAAA"),
    "algorithm number": unsigned(256, "AAAA"),
    "algorithm list": unsigned(["RS256"], "AAAA"),
    "algorithm unknown": unsigned("XX999", "AAAA"),
    "HS256 with the public key as PEM": by_public_key("HS256", "pem"),
    "HS512 with the public key as PEM": by_public_key("HS512", "pem"),
    "HS256 with the public key as JSON": by_public_key("HS256", "json"),
    "the same key with RS512": lambda issuer: sign(
        key_of(issuer), "RS512", {"typ": "JWT", "kid": "first"}, issuer.claims()
    ),
    "the same key with PS256": lambda issuer: sign(
        key_of(issuer), "PS256", {"typ": "JWT", "kid": "first"}, issuer.claims()
    ),
    "another RSA key": forged(OTHER_RSA, "RS256"),
    "an EC key": forged(OTHER_EC, "ES256"),
    "an Ed25519 key": forged(OTHER_OKP, "Ed25519"),
    "a key in the header": forged(OTHER_RSA, "RS256", jwk=OTHER_RSA.as_dict(private=False)),
    "a key set in the header": forged(OTHER_RSA, "RS256", jku="http://127.0.0.1:9/keys"),
    "a certificate in the header": forged(OTHER_RSA, "RS256", x5u="http://127.0.0.1:9/c", x5c=["MII"]),
    "a swapped body": swapped_body,
    "no signature": parts(lambda part: [*part[:2], ""]),
    "half a signature": parts(lambda part: [*part[:2], part[2][:-20]]),
    "an empty body": body(b""),
    "a body of no JSON": body(b"hello"),
    "a body list": body(b"[]"),
    "a body null": body(b"null"),
    "a body of bad UTF-8": body(b'{"iss": "\xff"}'),
    "a deep body": body(DEEP),
    "a body in UTF-16": body('{"iss": "a"}'.encode("utf-16")),
    "four parts": parts(lambda part: [*part, "AAAA"]),
    "five parts": parts(lambda part: [*part, "AAAA", "AAAA"]),
    "two parts": parts(lambda part: part[:2]),
    "padding": parts(lambda part: [part[0] + "==", *part[1:]]),
    "standard base64": parts(lambda part: [part[0], "+/+/", part[2]]),
    "an odd length": parts(lambda part: [part[0], "A" * 5, part[2]]),
    "spaces": parts(lambda part: [part[0], " " + part[1], part[2]]),
    "no ASCII": lambda _issuer: "é.é.é",
    "a JSON serialization": lambda issuer: json.dumps({"payload": encode(issuer.claims()), "signatures": []}),
    "a huge token": claims(padding="a" * 9_000),
    "a wide header": header(padding="a" * 3_000),
    "only dots": lambda _issuer: "..",
}


def test_the_table_is_long_enough() -> None:
    assert len(HOSTILE) >= 90


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_token_is_refused(tenancy: Tenancy, issuer: Issuer, name: str) -> None:
    token = HOSTILE[name](issuer)
    answer = await tenancy.http.get("/v1/me", headers=[(b"Authorization", f"Bearer {token}".encode())])
    assert answer.status_code == 401, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == "Bearer"
    assert all(part not in answer.text for part in token.split(".") if len(part) > 8)


@pytest.mark.parametrize(
    "make",
    [
        claims(),
        claims(aud=["x", "fa-readiness"]),
        claims(nbf=NOW - 60, iat=NOW - 60.5),
        claims(iat=None),
        lambda issuer: issuer.token(exp=time.time() - 5),
        header(typ="JWT"),
        header(typ="application/at+jwt"),
        header(x5t="AAAA", nonce="BBBB"),
        claims(typ="Bearer", token_use="access"),
        lambda issuer: sign(key_of(issuer), "RS256", {"typ": "JWT"}, issuer.claims()),
    ],
)
async def test_a_good_token_is_accepted(tenancy: Tenancy, issuer: Issuer, make: Make) -> None:
    assert (await Actor(tenancy.http, make(issuer)).get("/v1/me")).status_code == 200


def published(**changes: Any) -> Callable[[Any], dict[str, Any]]:
    """A published key with other members; a change to None leaves the member out."""

    def publish(key: Any) -> dict[str, Any]:
        whole = {**key.as_dict(private=False), "kid": "first", "alg": "RS256", "use": "sig"} | changes
        return {name: value for name, value in whole.items() if value is not None}

    return publish


@pytest.mark.parametrize(
    "publish",
    [
        published(use="enc"),
        published(key_ops=["encrypt"]),
        published(key_ops="verify"),
        published(alg="HS256"),
        published(alg="none"),
        published(alg="RS1"),
        published(alg=["RS256"]),
        published(alg={}),
        published(kty="oct", k="c2VjcmV0"),
        published(kty="EC"),
        published(kty=7),
        published(crv="P-256"),
        published(crv=[]),
        published(e=urlsafe_b64encode(b"\x01").decode()),
        published(e="AQAB" * 300),
        published(e=7),
        published(n="AQAB"),
        published(n="A" * 200_000),
        published(n=None),
        published(kid=7),
        lambda key: {**key.as_dict(private=True), "kid": "first", "alg": "RS256"},
        lambda key: None,
        lambda key: "key",
    ],
)
async def test_a_key_that_is_unfit_verifies_nothing(
    tenancy: Tenancy, issuer: Issuer, publish: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuer_keys, "_BETWEEN_FETCHES", 0.0)
    issuer.answers["/realm/keys"] = http_answer({"keys": [publish(key_of(issuer))]})
    assert (await Actor(tenancy.http, issuer.token()).get("/v1/me")).status_code == 401


async def test_a_weak_key_verifies_nothing(tenancy: Tenancy, issuer: Issuer) -> None:
    # The libraries warn of such a key, and the service must refuse it.
    with warnings.catch_warnings(action="ignore"):
        weak = RSAKey.import_key(generate_private_key(65_537, 1_024))  # noqa: S505  # the test is about a short key
    issuer.keys = {"first": ("RS256", weak)}
    assert (await Actor(tenancy.http, issuer.token()).get("/v1/me")).status_code == 401
