"""Who signed in may do with a role what a key may do with it, and no more."""

from collections.abc import AsyncIterator

import pytest

from app.access.operations import OPERATIONS
from app.principal import Role
from tests.access.test_access_matrix import Scene, client, scene
from tests.support.accounts import grant
from tests.support.actors import Actor
from tests.support.calls import CALLS
from tests.support.issuer import Issuer
from tests.support.report import report

__all__ = ["client", "scene"]

PLACES = ("own", "child", "sibling", "foreign", "missing")
#: A person claims a seat that is theirs; a key is no person.
OF_PEOPLE = {"claimOwnSeat"}
REFUSED = {401, 403, 404}


@pytest.fixture
async def issuer(scene: Scene) -> AsyncIterator[Issuer]:
    async with Issuer() as started:
        await started.bind(scene.tenancy)
        yield started


async def signed_in(scene: Scene, issuer: Issuer, role: Role) -> Actor:
    """Return a person who was granted a role."""
    person_id = await issuer.link(scene.tenancy, role.value)
    [principal] = await scene.tenancy.admin.items("/v1/principals", person_id=person_id)
    made = await grant(scene.tenancy.admin, principal["id"], role, scene.places["own"].organization)
    assert made.status_code == 201
    return issuer.holder(scene.tenancy, role.value)


async def refusals(scene: Scene, actor: Actor) -> dict[tuple[str, str], int]:
    """Return the status of each refusal, by operation and place."""
    found = {}
    for operation in sorted(OPERATIONS.keys() - OF_PEOPLE):
        for place in PLACES:
            method, path, body = CALLS[operation](scene.places[place], scene.shared)
            answer = await actor.call(method, path, json=body)
            assert answer.status_code < 500, (operation, place, answer.text)
            if answer.status_code in REFUSED and not OPERATIONS[operation].public:
                found[operation, place] = answer.status_code
    return found


@pytest.mark.parametrize("role", list(Role))
async def test_a_role_counts_alike_by_a_key_and_by_a_sign_in(scene: Scene, issuer: Issuer, role: Role) -> None:
    key = await scene.tenancy.key((role, scene.places["own"].organization))
    by_key = await refusals(scene, key)
    by_sign_in = await refusals(scene, await signed_in(scene, issuer, role))
    assert by_sign_in == by_key
    assert len(by_key) > 100
    report(f"{role}: {len(by_key)} refusals")
