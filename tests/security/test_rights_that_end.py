"""No race lets in a caller whose rights end while it writes, and what is stored is what was let in."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest

from tests.support.accounts import Account, grant, new_account, new_principal, problem
from tests.support.actors import Actor
from tests.support.replicas import ROUNDS as ALL_ROUNDS
from tests.support.replicas import SEED, Meeting
from tests.support.report import report

#: Of each of the eight races.
ROUNDS = ALL_ROUNDS // 2
WRITES = 6
End = Callable[[Actor, Account], Awaitable[httpx.Response]]


async def take_the_role(admin: Actor, account: Account) -> httpx.Response:
    return await admin.delete(f"/v1/role-grants/{account.grants[0]}")


async def rotate_the_key(admin: Actor, account: Account) -> httpx.Response:
    return await admin.post(f"/v1/api-keys/{account.key_id}/rotation", {"overlap_seconds": 0})


async def revoke_the_key(admin: Actor, account: Account) -> httpx.Response:
    return await admin.delete(f"/v1/api-keys/{account.key_id}")


async def deactivate(admin: Actor, account: Account) -> httpx.Response:
    return await admin.move(f"/v1/principals/{account.id}", "deactivated")


#: How rights end, and how a caller without them is refused.
ENDS: dict[str, tuple[End, tuple[int, str]]] = {
    "role": (take_the_role, (404, "not_found")),
    "secret": (rotate_the_key, (401, "unauthorized")),
    "key": (revoke_the_key, (401, "key_revoked")),
    "principal": (deactivate, (401, "principal_deactivated")),
}


def forget(meeting: Meeting) -> None:
    """Let both apps look callers up again, as they do within a second."""
    for app in meeting.apps:
        app.state.app_state.invalidate()


@pytest.mark.parametrize("what", ENDS)
async def test_who_is_refused_once_is_never_let_in_again(meeting: Meeting, what: str) -> None:
    end, refusal = ENDS[what]
    root, let_in = meeting.tenancy.root_id, 0
    body = {"organization_id": root, "name": "Written"}

    async def write(actor: Actor) -> list[httpx.Response]:
        return [await actor.post("/v1/people", body) for _ in range(WRITES)]

    async def end_meanwhile(account: Account) -> list[httpx.Response]:
        await asyncio.sleep(meeting.chance.uniform(0, 0.02))
        answer = await end(meeting.tenancy.admin, account)
        forget(meeting)
        return [answer]

    for _ in range(ROUNDS):
        account = await new_account(meeting.tenancy, ("integrator", root))
        callers = meeting.both(account.actor)
        *written, [ended] = await asyncio.gather(*map(write, callers), end_meanwhile(account))
        assert ended.is_success
        for answers in written:
            outcomes = [problem(answer) for answer in answers]
            assert outcomes == sorted(outcomes, key=lambda outcome: outcome[0])
            assert set(outcomes) <= {(201, None), refusal}
            meeting.answers += answers
            let_in += outcomes.count((201, None))
        after = await meeting.at_once(*(actor.post("/v1/people", body) for actor in callers))
        assert [problem(answer) for answer in after] == [refusal] * 2
    assert await meeting.fetch("select count(*) from people where tenant_id = $1") == [(let_in,)]
    report(f"{ROUNDS} rounds, {let_in} of {ROUNDS * 2 * WRITES} writes let in, seed {SEED}")


@pytest.mark.parametrize("what", ENDS)
async def test_nobody_grants_what_they_are_losing(meeting: Meeting, what: str) -> None:
    """The grant is made before the giver's rights end, or not at all."""
    end, _ = ENDS[what]
    tenancy = meeting.tenancy
    for _ in range(ROUNDS):
        giver = await new_account(tenancy, ("admin", tenancy.root_id))
        target = await new_principal(tenancy.admin, tenancy.root_id)
        gift, ended = await meeting.at_once(
            grant(meeting.both(giver.actor)[1], target, "admin", tenancy.root_id), end(meeting.admins[0], giver)
        )
        assert ended.is_success
        assert gift.status_code in {201, 401, 403, 404}
        stored = await meeting.fetch(
            "select created_at from role_grants where tenant_id = $1 and principal_id = $2", target
        )
        assert len(stored) == (gift.status_code == 201)
        forget(meeting)
        again = await grant(meeting.both(giver.actor)[1], target, "viewer", tenancy.root_id)
        assert again.status_code in {401, 403, 404}
