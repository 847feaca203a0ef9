"""Nobody is let in by a credential that does not work: every operation, by each kind of such a credential."""

from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.access.operations import OPERATIONS
from app.principal import Role
from tests.access.test_access_matrix import Scene, client, scene
from tests.support.accounts import Account, new_account
from tests.support.actors import Tenancy
from tests.support.calls import CALLS, carried
from tests.support.issuer import Issuer
from tests.support.report import report
from tests.support.team import Team, new_team

__all__ = ["client", "scene"]

HOUR = timedelta(hours=1)


@dataclass
class Maker:
    """Makes credentials that do not work; the key of each could do everything before."""

    tenancy: Tenancy
    team: Team
    issuer: Issuer

    async def account(self, **terms: Any) -> Account:
        return await new_account(self.tenancy, ("admin", self.tenancy.root_id), **terms)

    async def rotated(self, overlap_seconds: int) -> str:
        account = await self.account()
        path = f"/v1/api-keys/{account.key_id}/rotation"
        assert (await self.tenancy.admin.post(path, {"overlap_seconds": overlap_seconds})).status_code == 200
        return account.actor.token

    async def execute(self, statement: str) -> None:
        """Change what no request could."""
        async with self.tenancy.owner.begin() as connection:
            await connection.execute(text(statement), {"tenant": self.tenancy.tenant_id})

    async def seat(self) -> tuple[str, str]:
        """Return the path of a claimed seat and its token."""
        label = f"Seat {len(self.team.ids)}"
        token = (await self.team.seat(label)).token
        return f"{self.team.path}/participants/{self.team.ids[label]}", token


@pytest.fixture
async def maker(scene: Scene) -> AsyncIterator[Maker]:
    async with Issuer() as issuer:
        await issuer.bind(scene.tenancy, (None, Role.ADMIN))
        yield Maker(scene.tenancy, await new_team(scene.tenancy), issuer)


async def of_another_tenant(maker: Maker) -> str:
    _, _, secret = maker.tenancy.admin.token.split("_", 2)
    return f"fa_{'0' * 32}_{secret}"


async def as_a_seats(maker: Maker) -> str:
    return maker.tenancy.admin.token.replace("fa_", "fs_", 1)


async def expired(maker: Maker) -> str:
    key = await maker.tenancy.key((Role.ADMIN, maker.tenancy.root_id), expires_at=datetime.now(UTC) - HOUR)
    return key.token


async def revoked(maker: Maker) -> str:
    account = await maker.account()
    assert (await maker.tenancy.admin.delete(f"/v1/api-keys/{account.key_id}")).status_code == 204
    return account.actor.token


async def replaced(maker: Maker) -> str:
    return await maker.rotated(0)


async def former(maker: Maker) -> str:
    """A former secret whose overlap is over."""
    token = await maker.rotated(3_600)
    await maker.execute("update former_key_secrets set ends_at = now() - interval '1 second' where tenant_id = :tenant")
    return token


async def deactivated(maker: Maker) -> str:
    account = await maker.account()
    assert (await maker.tenancy.admin.move(f"/v1/principals/{account.id}", "deactivated")).status_code == 200
    return account.actor.token


async def from_elsewhere(maker: Maker) -> str:
    return (await maker.account(allowed_networks=["203.0.113.0/24"])).actor.token


async def seat_revoked(maker: Maker) -> str:
    path, token = await maker.seat()
    assert (await maker.tenancy.admin.delete(f"{path}/token")).is_success
    return token


async def seat_invited_again(maker: Maker) -> str:
    path, token = await maker.seat()
    await maker.tenancy.admin.made(f"{path}/invitation", None)
    return token


async def seat_withdrawn(maker: Maker) -> str:
    path, token = await maker.seat()
    assert (await maker.tenancy.admin.delete(path)).is_success
    return token


async def invitation(maker: Maker) -> str:
    code: str = (await maker.team.invited("Invited"))["invitation"]["code"]
    return code


async def sign_in_expired(maker: Maker) -> str:
    return maker.issuer.token(exp=int((datetime.now(UTC) - HOUR).timestamp()))


async def sign_in_for_others(maker: Maker) -> str:
    return maker.issuer.token(aud="another-service")


async def person_inactive(maker: Maker) -> str:
    person_id = await maker.issuer.link(maker.tenancy)
    assert (await maker.tenancy.admin.patch(f"/v1/people/{person_id}", {"active": False})).status_code == 200
    return maker.issuer.token()


async def person_deactivated(maker: Maker) -> str:
    person_id = await maker.issuer.link(maker.tenancy)
    [principal] = await maker.tenancy.admin.items("/v1/principals", person_id=person_id)
    assert (await maker.tenancy.admin.move(f"/v1/principals/{principal['id']}", "deactivated")).status_code == 200
    return maker.issuer.token()


async def issuer_removed(maker: Maker) -> str:
    await maker.execute("delete from identity_providers where tenant_id = :tenant")
    return maker.issuer.token()


Make = Callable[[Maker], Awaitable[str]]
TOKENS: dict[str, tuple[Make, str]] = {
    "of another tenant": (of_another_tenant, "unauthorized"),
    "a key as a seat's": (as_a_seats, "unauthorized"),
    "expired": (expired, "key_expired"),
    "revoked": (revoked, "key_revoked"),
    "rotated out": (replaced, "unauthorized"),
    "former": (former, "key_expired"),
    "deactivated": (deactivated, "principal_deactivated"),
    "from elsewhere": (from_elsewhere, "address_not_allowed"),
    "seat revoked": (seat_revoked, "token_revoked"),
    "seat invited again": (seat_invited_again, "token_revoked"),
    "seat withdrawn": (seat_withdrawn, "token_revoked"),
    "invitation": (invitation, "unauthorized"),
    "sign-in expired": (sign_in_expired, "sign_in_expired"),
    "sign-in for others": (sign_in_for_others, "unauthorized"),
    "person inactive": (person_inactive, "sign_in_ended"),
    "person deactivated": (person_deactivated, "principal_deactivated"),
    "issuer removed": (issuer_removed, "unauthorized"),
}
HEADERS: dict[str, Callable[[str], str | None]] = {
    "none": lambda _key: None,
    "empty": lambda _key: "",
    "no scheme": lambda key: key,
    "no token": lambda _key: "Bearer",
    "another scheme": lambda key: f"Token {key}",
    "basic": lambda key: f"Basic {b64encode(f'key:{key}'.encode()).decode()}",
    "two spaces": lambda key: f"Bearer  {key}",
    "a list": lambda key: f"Bearer {key}, Bearer {key}",
    "an odd character": lambda key: f"Bearer {key[:-1]}#",
    "another secret": lambda key: f"Bearer {key[:-8]}{key[-8:].swapcase()}",
    "too short": lambda key: f"Bearer {key[:-1]}",
    "in capitals": lambda key: f"Bearer {key.upper()}",
    "too long": lambda key: f"Bearer {key * 200}",
}


async def refuse_everything(scene: Scene, authorization: str | None, code: str) -> None:
    """Check that each operation which is not public answers 401, and repeats nothing of the credential."""
    headers = {} if authorization is None else {"Authorization": authorization}
    sent = (authorization or "").removeprefix("Bearer")
    let_in, requests = [], 0
    for operation, access in OPERATIONS.items():
        if access.public:
            continue
        method, path, body = CALLS[operation](scene.places["own"], scene.shared)
        sending = carried(body)
        sending["headers"] = {**sending.get("headers", {}), **headers}
        answer = await scene.tenancy.http.request(method, path, **sending)
        requests += 1
        if not is_refused(answer, code) or (sent and sent in answer.text):
            let_in.append((operation, answer.status_code, answer.text))
    assert let_in == []
    assert requests > 90
    report(f"{requests} operations")


def is_refused(answer: httpx.Response, code: str) -> bool:
    found = (answer.status_code, answer.json()["code"], answer.headers.get("www-authenticate"))
    return found == (401, code, "Bearer")


@pytest.mark.parametrize("name", TOKENS)
async def test_a_credential_that_does_not_work_opens_nothing(scene: Scene, maker: Maker, name: str) -> None:
    make, code = TOKENS[name]
    token = await make(maker)
    scene.tenancy.app.state.app_state.invalidate()
    await refuse_everything(scene, f"Bearer {token}", code)


@pytest.mark.parametrize("name", HEADERS)
async def test_a_header_that_is_no_credential_opens_nothing(scene: Scene, name: str) -> None:
    await refuse_everything(scene, HEADERS[name](scene.tenancy.admin.token), "unauthorized")


@pytest.mark.parametrize("operation", [name for name, access in OPERATIONS.items() if access.public])
async def test_a_public_operation_opens_nothing_of_a_tenant(scene: Scene, operation: str) -> None:
    method, path, body = CALLS[operation](scene.places["own"], scene.shared)
    answer = await scene.tenancy.http.request(method, path, json=body)
    assert answer.status_code in ({404, 429} if operation in {"claimSeat", "downloadCalendar"} else {200})
    assert str(scene.tenancy.tenant_id) not in answer.text
