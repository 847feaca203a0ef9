"""The terms of a key and of its roles: networks, overlap of secrets, periods, last use."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.access.credential_uses import CredentialUses
from app.access.keys import MOST_FORMER_SECRETS, KeyEnded, revoke_key, rotate_key
from app.http.client_address import check_address, client_address
from app.main import create_app
from app.principal import UsedKey
from app.provisioning import operators_transaction
from app.settings import Settings
from tests.support.actors import Actor, Tenancy

Execute = Callable[..., Awaitable[Any]]
SOON = timedelta(hours=1)


def networks(*texts: str) -> tuple[Any, ...]:
    return tuple(map(ip_network, texts))


@pytest.fixture
def execute(owner: AsyncEngine, tenancy: Tenancy, app: FastAPI) -> Execute:
    """Change stored rows of the tenant past the service, as the passage of time would."""

    async def run(statement: str, **values: Any) -> Any:
        async with owner.begin() as connection:
            found = await connection.execute(text(statement), {"tenant": tenancy.tenant_id, **values})
        app.state.app_state.invalidate()
        return found

    return run


@pytest.fixture
async def elsewhere(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client at 203.0.113.9."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False, client=("203.0.113.9", 4711))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def status(actor: Actor) -> tuple[int, str | None]:
    answer = await actor.get("/v1/me")
    return answer.status_code, answer.json().get("code")


async def rotated(tenancy: Tenancy, key_id: UUID, overlap: timedelta) -> Actor:
    async with operators_transaction(tenancy.owner, tenancy.tenant_id) as tx:
        _, token = await rotate_key(tx, key_id, overlap)
    tenancy.app.state.app_state.invalidate()
    return Actor(tenancy.http, token)


async def test_a_key_is_refused_outside_its_networks(tenancy: Tenancy, elsewhere: httpx.AsyncClient) -> None:
    key = await tenancy.key(("viewer", tenancy.root_id), networks=["203.0.113.0/24", "2001:db8::/32"])
    assert await status(Actor(elsewhere, key.token)) == (200, None)
    assert await status(key) == (401, "address_not_allowed")


async def test_a_cached_key_is_refused_from_another_address(tenancy: Tenancy, elsewhere: httpx.AsyncClient) -> None:
    key = await tenancy.key(("viewer", tenancy.root_id), networks=["127.0.0.0/8"])
    assert await status(key) == (200, None)
    assert await status(Actor(elsewhere, key.token)) == (401, "address_not_allowed")


@pytest.mark.parametrize("address", ["unknown", "", "203.0.113", "2001:db8:1::1", "10.0.0.1"])
def test_an_address_outside_of_every_network_is_refused(address: str) -> None:
    key = UsedKey(UUID(int=1), networks=networks("203.0.113.0/24", "2001:db8::/48"))
    with pytest.raises(Exception, match="may not be used from this address"):
        check_address(key, address)


@pytest.mark.parametrize("address", ["203.0.113.7", "::ffff:203.0.113.7", "2001:db8::7", "fe80::1%eth0"])
def test_an_address_is_compared_in_every_spelling(address: str) -> None:
    check_address(UsedKey(UUID(int=1), networks=networks("203.0.113.0/24", "2001:db8::/48", "fe80::/10")), address)


@pytest.mark.parametrize(
    ("behind", "trusted", "peer", "forwarded", "expected"),
    [
        (False, [], "192.0.2.1", ["198.51.100.1"], "192.0.2.1"),
        (True, [], "192.0.2.1", [], "192.0.2.1"),
        (True, [], "192.0.2.1", ["198.51.100.1, 198.51.100.2"], "198.51.100.2"),
        (True, [], "192.0.2.1", ["198.51.100.1", "198.51.100.2"], "198.51.100.2"),
        (True, ["10.0.0.0/8"], "10.0.0.1", ["198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        (True, ["10.0.0.0/8"], "10.0.0.1", ["192.0.2.66, 198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        (True, ["10.0.0.0/8"], "192.0.2.1", ["198.51.100.1"], "192.0.2.1"),
        (True, ["10.0.0.0/8"], "10.0.0.1", ["198.51.100.1, nonsense"], "10.0.0.1"),
        (True, ["10.0.0.0/8"], "10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        (True, ["10.0.0.0/8"], "10.0.0.1", ["198.51.100.1:4711, 10.0.0.2:80"], "198.51.100.1"),
        (True, [], "192.0.2.1", ["198.51.100.1:4711"], "198.51.100.1"),
        (True, [], "192.0.2.1", ["[2001:db8:0::1]:4711"], "2001:db8::1"),
        (True, [], "192.0.2.1", ["[2001:DB8::1]"], "2001:db8::1"),
        (True, [], "192.0.2.1", ["198.51.100.1, nonsense"], "192.0.2.1"),
        (True, [], "192.0.2.1", ["198.51.100.1:port"], "192.0.2.1"),
        (False, [], "::ffff:192.0.2.1", [], "192.0.2.1"),
        (False, [], "unix", [], "unix"),
    ],
)
def test_the_client_is_the_last_address_that_no_trusted_proxy_has(
    behind: bool, trusted: list[str], peer: str, forwarded: list[str], expected: str
) -> None:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    settings = Settings.model_construct(behind_proxy=behind, trusted_proxies=tuple(map(ip_network, trusted)))
    assert client_address({"client": (peer, 1), "headers": headers}, settings) == expected


async def test_a_key_works_behind_a_proxy_that_adds_ports(settings: Settings, tenancy: Tenancy) -> None:
    app = create_app(settings.model_copy(update={"behind_proxy": True}))
    key = await tenancy.key(("viewer", tenancy.root_id), networks=["203.0.113.0/24"])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as client:
        headers = {"X-Forwarded-For": "203.0.113.9:4711"}
        assert (await Actor(client, key.token).get("/v1/me", headers=headers)).status_code == 200
    await app.state.app_state.database.close()


async def test_a_rotated_key_works_with_both_secrets_until_the_overlap_ends(tenancy: Tenancy, execute: Execute) -> None:
    old = await tenancy.key(("viewer", tenancy.root_id))
    new = await rotated(tenancy, tenancy.keys[-1], SOON)
    assert [await status(old), await status(new)] == [(200, None)] * 2
    await execute("update former_key_secrets set ends_at = now() - interval '1 s' where tenant_id = :tenant")
    assert [await status(old), await status(new)] == [(401, "key_expired"), (200, None)]


async def test_a_rotation_without_overlap_ends_every_former_secret(tenancy: Tenancy) -> None:
    first = await tenancy.key(("viewer", tenancy.root_id))
    second = await rotated(tenancy, tenancy.keys[-1], SOON)
    third = await rotated(tenancy, tenancy.keys[-1], timedelta(0))
    assert [(await status(one))[0] for one in (first, second, third)] == [401, 401, 200]


async def test_a_second_rotation_keeps_the_secret_that_may_be_in_use(tenancy: Tenancy) -> None:
    first = await tenancy.key(("viewer", tenancy.root_id))
    others = [await rotated(tenancy, tenancy.keys[-1], SOON) for _ in range(2)]
    assert [(await status(one))[0] for one in (first, *others)] == [200] * 3


async def test_a_key_has_a_bounded_number_of_former_secrets(tenancy: Tenancy) -> None:
    first = await tenancy.key(("viewer", tenancy.root_id))
    others = [await rotated(tenancy, tenancy.keys[-1], SOON) for _ in range(MOST_FORMER_SECRETS + 1)]
    assert [(await status(one))[0] for one in (first, others[0], others[-1])] == [401, 200, 200]


async def test_a_revoked_key_cannot_be_rotated_and_no_secret_of_it_works(tenancy: Tenancy) -> None:
    old = await tenancy.key(("viewer", tenancy.root_id))
    new = await rotated(tenancy, tenancy.keys[-1], SOON)
    async with operators_transaction(tenancy.owner, tenancy.tenant_id) as tx:
        await revoke_key(tx, tenancy.keys[-1])
        with pytest.raises(KeyEnded):
            await rotate_key(tx, tenancy.keys[-1], SOON)
    tenancy.app.state.app_state.invalidate()
    assert [await status(old), await status(new)] == [(401, "key_revoked")] * 2


@pytest.mark.parametrize(
    ("period", "expected"),
    [
        ("starts_at = now() - interval '1 h', ends_at = now() + interval '1 h'", 200),
        ("ends_at = now() - interval '1 s'", 403),
        ("starts_at = now() + interval '1 h'", 403),
    ],
)
async def test_a_role_counts_within_its_period(tenancy: Tenancy, execute: Execute, period: str, expected: int) -> None:
    key = await tenancy.key(("viewer", tenancy.root_id))
    await execute(f"update role_grants set {period} where tenant_id = :tenant and role = 'viewer'")
    assert (await key.get("/v1/organizations")).status_code == expected


async def test_the_keys_of_a_deactivated_principal_are_refused(tenancy: Tenancy, execute: Execute) -> None:
    key = await tenancy.key(("viewer", tenancy.root_id))
    await execute("update principals set deactivated_at = now() where tenant_id = :tenant and name = 'test key'")
    assert await status(key) == (401, "principal_deactivated")


async def last_use(execute: Execute) -> datetime | None:
    query = "select k.last_used_at from api_keys k where k.tenant_id = :tenant order by k.id limit 1"
    found: datetime | None = (await execute(query)).scalar_one()
    return found


async def test_the_last_use_is_written_at_most_once_a_minute(
    tenancy: Tenancy, admin: Actor, app: FastAPI, execute: Execute
) -> None:
    instant = datetime(2026, 10, 5, 13, tzinfo=UTC)
    uses = CredentialUses(app.state.app_state.database, lambda: instant)
    caller = await app.state.app_state.authenticate(f"Bearer {admin.token}")
    written = []
    for seconds in (0, 59, 60):
        instant = datetime(2026, 10, 5, 13, tzinfo=UTC) + timedelta(seconds=seconds)
        uses.note(caller)
        await uses.write()
        written.append(await last_use(execute))
    assert [at and at.minute for at in written] == [0, 0, 1]


async def test_the_first_use_since_the_last_write_is_written(admin: Actor, app: FastAPI, execute: Execute) -> None:
    first = datetime(2026, 10, 5, 13, tzinfo=UTC)
    instants = iter([first, first + timedelta(seconds=20)])
    uses = CredentialUses(app.state.app_state.database, lambda: next(instants))
    caller = await app.state.app_state.authenticate(f"Bearer {admin.token}")
    uses.note(caller)
    uses.note(caller)
    await uses.write()
    assert await last_use(execute) == first


async def test_uses_that_the_database_does_not_take_are_dropped(
    admin: Actor, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    uses = CredentialUses(app.state.app_state.database, lambda: datetime.now(UTC))
    uses.note(await app.state.app_state.authenticate(f"Bearer {admin.token}"))

    def lose(*_: Any) -> Any:
        raise asyncpg.SerializationError

    monkeypatch.setattr(app.state.app_state.database.writes, "transaction", lose)
    await uses.write()
    assert uses._used == {}


async def test_a_use_is_noted_only_where_the_address_is_allowed(
    tenancy: Tenancy, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[Any] = []
    monkeypatch.setattr(app.state.app_state, "note_use", noted.append)
    near = await tenancy.key(("viewer", tenancy.root_id), networks=["127.0.0.0/8"])
    far = await tenancy.key(("viewer", tenancy.root_id), networks=["203.0.113.0/24"])
    await near.get("/v1/me")
    await far.get("/v1/me")
    assert [caller.key.id for caller in noted] == [tenancy.keys[-2]]
