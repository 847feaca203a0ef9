"""Signing in: issuers with real keys on loopback, what a token gives, and rotation."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from fastapi import FastAPI

from app.access.oidc import issuer_keys
from app.access.oidc.providers import remove_provider
from app.errors import OperatorError
from app.people.sign_ins import list_links, unlink
from app.principal import Role
from app.provisioning import operators_transaction
from tests.support.actors import Actor, Tenancy
from tests.support.issuer import Issuer, http_answer


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with Issuer() as started:
        yield started


def forget(tenancy: Tenancy) -> None:
    tenancy.app.state.app_state.invalidate()


async def status(actor: Actor) -> int:
    return (await actor.get("/v1/me")).status_code


async def test_a_linked_person_has_the_roles_of_the_claims(tenancy: Tenancy, issuer: Issuer) -> None:
    await issuer.bind(tenancy, ("leads", Role.MANAGER), ("staff", Role.VIEWER), roles_claim="realm.groups")
    person_id = await issuer.link(tenancy)
    holder = issuer.holder(tenancy, realm={"groups": ["leads", "unknown", 7]})
    me = (await holder.get("/v1/me")).json()
    assert (me["kind"], me["name"]) == ("person", "Person subject-1")
    assert [(grant["role"], grant["organization_id"]) for grant in me["grants"]] == [("manager", tenancy.root_id)]
    assert (await holder.get(f"/v1/people/{person_id}")).status_code == 200


async def test_an_unknown_person_has_no_rights(tenancy: Tenancy, issuer: Issuer) -> None:
    await issuer.bind(tenancy, ("leads", Role.ADMIN), roles_claim="groups")
    holder = issuer.holder(tenancy, groups=["leads"])
    assert (await holder.get("/v1/me")).json()["grants"] == []
    assert (await holder.get("/v1/people")).status_code == 403
    assert (await holder.get(f"/v1/organizations/{tenancy.root_id}")).status_code == 404


async def test_an_unknown_person_has_the_default_role(tenancy: Tenancy, issuer: Issuer) -> None:
    await issuer.bind(tenancy, (None, Role.VIEWER))
    await issuer.link(tenancy, "known")
    grants = (await issuer.holder(tenancy).get("/v1/me")).json()["grants"]
    assert [grant["role"] for grant in grants] == ["viewer"]
    assert (await issuer.holder(tenancy, "known").get("/v1/me")).json()["grants"] == []


async def test_a_token_reaches_the_tenant_of_its_issuer_only(
    tenancy: Tenancy, other_tenancy: Tenancy, issuer: Issuer
) -> None:
    await issuer.bind(tenancy, (None, Role.ADMIN))
    me = (await issuer.holder(other_tenancy).get("/v1/me")).json()
    assert me["tenant_id"] == str(tenancy.tenant_id)
    assert (await issuer.holder(tenancy).get(f"/v1/organizations/{other_tenancy.root_id}")).status_code == 404
    with pytest.raises(OperatorError, match="bound"):
        await issuer.bind(other_tenancy)


async def test_a_claim_of_another_name_identifies_the_person(tenancy: Tenancy, issuer: Issuer) -> None:
    await issuer.bind(tenancy, person_claim="employee.number")
    await issuer.link(tenancy, "4711")
    assert (await issuer.holder(tenancy, "x", employee={"number": "4711"}).get("/v1/me")).json()["name"] == (
        "Person 4711"
    )
    assert await status(issuer.holder(tenancy, "4711")) == 401


async def test_a_person_who_left_is_refused(tenancy: Tenancy, issuer: Issuer) -> None:
    await issuer.bind(tenancy)
    person_id = await issuer.link(tenancy)
    assert await status(issuer.holder(tenancy)) == 200
    await tenancy.admin.patch(f"/v1/people/{person_id}", {"active": False})
    forget(tenancy)
    answer = await issuer.holder(tenancy).get("/v1/me")
    assert (answer.status_code, answer.json()["code"]) == (401, "sign_in_ended")


async def test_a_subject_is_linked_once_and_unlinked(tenancy: Tenancy, issuer: Issuer) -> None:
    await issuer.bind(tenancy)
    await issuer.link(tenancy)
    with pytest.raises(OperatorError, match="linked"):
        await issuer.link(tenancy)
    async with operators_transaction(tenancy.owner, tenancy.tenant_id) as tx:
        [made] = await list_links(tx)
        await unlink(tx, made.id)
    forget(tenancy)
    assert (await issuer.holder(tenancy).get("/v1/me")).json()["name"] == "Unknown person"


async def test_an_unlinked_subject_has_the_default_role(tenancy: Tenancy, issuer: Issuer) -> None:
    await issuer.bind(tenancy, (None, Role.VIEWER))
    await issuer.link(tenancy)
    async with operators_transaction(tenancy.owner, tenancy.tenant_id) as tx:
        [made] = await list_links(tx)
        await unlink(tx, made.id)
    forget(tenancy)
    assert [grant["role"] for grant in (await issuer.holder(tenancy).get("/v1/me")).json()["grants"]] == ["viewer"]


async def test_the_libraries_are_loaded_once(tenancy: Tenancy, issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    await issuer.bind(tenancy)
    assert await status(issuer.holder(tenancy)) == 200
    monkeypatch.setattr("app.access.oidc.sign_ins.importlib.import_module", None)
    forget(tenancy)
    assert await status(issuer.holder(tenancy)) == 200


async def test_a_person_who_can_sign_in_is_not_deleted(tenancy: Tenancy, issuer: Issuer) -> None:
    await issuer.bind(tenancy)
    person_id = await issuer.link(tenancy)
    refused = await tenancy.admin.delete(f"/v1/people/{person_id}")
    assert (refused.status_code, refused.json()["code"]) == (409, "in_use")


async def test_two_links_of_a_person_share_its_roles(tenancy: Tenancy, issuer: Issuer) -> None:
    await issuer.bind(tenancy)
    person_id = await issuer.link(tenancy, "first")
    await issuer.link(tenancy, "second", person_id)
    first, second = [(await issuer.holder(tenancy, name).get("/v1/me")).json() for name in ("first", "second")]
    assert first == second


async def test_an_organization_takes_its_claimed_roles_along(tenancy: Tenancy, issuer: Issuer) -> None:
    site = await tenancy.organization()
    local = Tenancy(tenancy.tenant_id, site["id"], tenancy.admin, tenancy.http, tenancy.app, tenancy.owner)
    await issuer.bind(local, (None, Role.VIEWER))
    assert (await tenancy.admin.delete(f"/v1/organizations/{site['id']}")).status_code == 204
    assert (await issuer.holder(tenancy).get("/v1/me")).json()["grants"] == []


async def test_a_removed_issuer_is_refused(tenancy: Tenancy, issuer: Issuer) -> None:
    provider_id = await issuer.bind(tenancy)
    await issuer.link(tenancy)
    assert await status(issuer.holder(tenancy)) == 200
    async with operators_transaction(tenancy.owner, tenancy.tenant_id) as tx:
        await remove_provider(tx, provider_id)
    forget(tenancy)
    assert await status(issuer.holder(tenancy)) == 401


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
async def test_a_new_key_is_fetched_and_the_old_one_refused(
    tenancy: Tenancy, issuer: Issuer, algorithm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuer_keys, "_BETWEEN_FETCHES", 0.0)
    await issuer.bind(tenancy)
    old = issuer.holder(tenancy)
    assert await status(old) == 200
    issuer.rotate("second", algorithm)
    assert await status(issuer.holder(tenancy)) == 200
    forget(tenancy)
    assert await status(old) == 401


async def test_unknown_keys_cause_one_fetch_a_minute(tenancy: Tenancy, issuer: Issuer) -> None:
    await issuer.bind(tenancy)
    assert await status(issuer.holder(tenancy)) == 200
    asked = len(issuer.asked)
    for number in range(20):
        unknown = issuer.token(header={"kid": f"unknown-{number}"})
        assert await status(Actor(tenancy.http, unknown)) == 401
    assert len(issuer.asked) == asked


async def test_requests_that_wait_share_a_fetch(tenancy: Tenancy, issuer: Issuer) -> None:
    await issuer.bind(tenancy, jwks_url=f"{issuer.url}/keys")
    holders = [issuer.holder(tenancy, f"subject-{number}") for number in range(10)]
    assert set(await asyncio.gather(*map(status, holders))) == {200}
    assert issuer.asked == ["/realm/keys"]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"garbage",
        http_answer({"keys": []}),
        http_answer({"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}]}),
        http_answer({"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "first"}]}),
        http_answer({"keys": {}}),
        http_answer({"keys": [{}] * 101}),
        http_answer([]),
        http_answer(b"[" * 100_000),
        http_answer(b'{"keys": ' + b"9" * 200_000 + b"}"),
        http_answer(b"{" + b" " * 300_000 + b'"keys": []}'),
        http_answer({"keys": []}, "500 Internal Server Error"),
        http_answer({}, "302 Found", "Location: http://127.0.0.1:1/keys"),
        http_answer({}, "302 Found", "Location: http://169.254.169.254/keys"),
        http_answer(b"\x1f\x8b", "200 OK", "Content-Encoding: gzip"),
        http_answer(b"\xff\xfe{}"),
    ],
    ids=lambda answer: repr(answer[-30:]),
)
async def test_a_key_server_that_lies_makes_tokens_invalid_and_nothing_worse(
    tenancy: Tenancy, issuer: Issuer, answer: bytes
) -> None:
    issuer.answers["/realm/keys"] = answer or b"\r\n"
    await issuer.bind(tenancy, jwks_url=f"{issuer.url}/keys")
    assert await status(issuer.holder(tenancy)) == 401
    assert issuer.asked == ["/realm/keys"]


async def test_a_key_server_that_hangs_is_given_up(
    tenancy: Tenancy, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuer_keys, "_FETCH_SECONDS", 0.3)
    issuer.answers["/realm/keys"] = None
    await issuer.bind(tenancy, jwks_url=f"{issuer.url}/keys")
    assert await status(issuer.holder(tenancy)) == 401


@pytest.mark.parametrize(
    "document", [{"issuer": "https://other.example"}, {"jwks_uri": 7}, {"jwks_uri": "http://169.254.169.254/"}]
)
async def test_a_discovery_document_that_lies_is_not_followed(
    tenancy: Tenancy, issuer: Issuer, document: dict[str, object]
) -> None:
    path = "/realm/.well-known/openid-configuration"
    good = {"issuer": issuer.url, "jwks_uri": f"{issuer.url}/keys"}
    issuer.answers[path] = http_answer(good | document)
    await issuer.bind(tenancy)
    assert await status(issuer.holder(tenancy)) == 401
    assert issuer.asked == [path]


async def test_known_keys_outlive_an_issuer_that_does_not_answer(
    tenancy: Tenancy, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await issuer.bind(tenancy, jwks_url=f"{issuer.url}/keys")
    assert await status(issuer.holder(tenancy)) == 200
    issuer.answers["/realm/keys"] = b"garbage\r\n\r\n"
    monkeypatch.setattr(issuer_keys, "_FRESH_SECONDS", -1.0)
    monkeypatch.setattr(issuer_keys, "_BETWEEN_FETCHES", 0.0)
    assert await status(issuer.holder(tenancy, "subject-2")) == 200
    monkeypatch.setattr(issuer_keys, "_USABLE_SECONDS", -1.0)
    assert await status(issuer.holder(tenancy, "subject-3")) == 401


async def test_an_issuer_at_an_address_that_is_not_allowed_is_never_asked(
    tenancy: Tenancy, issuer: Issuer, app: FastAPI
) -> None:
    port = issuer.url.split(":")[2]
    await issuer.bind(tenancy, jwks_url=f"http://[::1]:{port}")
    assert await status(issuer.holder(tenancy)) == 401
    assert issuer.asked == []


async def test_the_serving_role_cannot_change_who_may_sign_in(tenancy: Tenancy, issuer: Issuer) -> None:
    engine = tenancy.app.state.app_state.database.engine
    with pytest.raises(Exception, match="permission denied"):
        async with operators_transaction(engine, tenancy.tenant_id) as tx:
            await remove_provider(tx, uuid4())
