"""Seats of people who sign in: claimed without a code, held without a token, and closed to everyone else."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.access.oidc.providers import remove_provider
from app.people.sign_ins import list_links, unlink
from app.principal import Role
from app.provisioning import operators_transaction
from tests.support.actors import Actor, Tenancy
from tests.support.issuer import Issuer
from tests.support.team import Team, new_team


@pytest.fixture
async def issuer(tenancy: Tenancy) -> AsyncIterator[Issuer]:
    async with Issuer() as started:
        await started.bind(tenancy, ("leads", Role.FACILITATOR), ("admins", Role.ADMIN), roles_claim="groups")
        yield started


@pytest.fixture
async def person_id(tenancy: Tenancy, issuer: Issuer) -> str:
    return await issuer.link(tenancy)


@pytest.fixture
async def team(tenancy: Tenancy, person_id: str) -> Team:
    """An assessment that collects votes, with a seat of the person and two others."""
    made = await new_team(tenancy)
    await made.invited("Own", person_id=person_id)
    await made.move("collecting")
    return made


@pytest.fixture
def holder(tenancy: Tenancy, issuer: Issuer, team: Team) -> Actor:
    return issuer.holder(tenancy)


async def claim(team: Team, actor: Actor) -> tuple[int, Any]:
    answer = await actor.post(f"{team.path}/own-seat")
    return answer.status_code, answer.json().get("code") or answer.json()


async def claim_and_vote(team: Team, actor: Actor) -> None:
    assert (await claim(team, actor))[0] == 200
    assert (await actor.put(vote_path(team), {"value": 2})).status_code == 201


def vote_path(team: Team, label: str = "Own", practice: str = "P1") -> str:
    return f"{team.path}/votes/{team.ids[label]}/{practice}"


async def test_a_person_claims_the_own_seat_and_votes_without_a_token(team: Team, holder: Actor) -> None:
    status, seat = await claim(team, holder)
    assert (status, seat["participant_id"], seat["seat"]) == (200, team.ids["Own"], "respondent")
    assert (await holder.put(vote_path(team), {"value": 2})).status_code == 201
    [vote] = await holder.items(f"{team.path}/votes")
    assert (vote["participant_id"], vote["value"]) == (team.ids["Own"], 2)
    assert (await holder.get(f"{team.path}/readiness")).status_code == 200
    assert await claim(team, holder) == (status, seat)


async def test_an_unclaimed_seat_opens_nothing(team: Team, holder: Actor) -> None:
    for answer in (
        await holder.get(team.path),
        await holder.get(f"{team.path}/votes"),
        await holder.put(vote_path(team), {"value": 2}),
    ):
        assert answer.status_code == 404


async def test_the_seat_opens_no_other_assessment(tenancy: Tenancy, team: Team, holder: Actor) -> None:
    other = await new_team(tenancy)
    await other.invited("Other")
    await claim(team, holder)
    assert (await claim(other, holder))[0] == 404
    assert (await holder.get(other.path)).status_code == 404
    assert (await holder.put(vote_path(other, "Other"), {"value": 1})).status_code == 404


async def test_a_person_votes_for_the_own_seat_only(team: Team, holder: Actor) -> None:
    await team.seat("Neighbour")
    await team.paper("Paper")
    await claim(team, holder)
    for label in ("Neighbour", "Paper"):
        refused = await holder.put(vote_path(team, label), {"value": 1})
        assert (refused.status_code, refused.json()["code"]) == (403, "not_your_seat")
    assert (await holder.post(f"{team.path}/participants", {"seat": "observer"})).status_code == 403


async def test_a_facilitator_with_a_seat_enters_paper_ballots_too(tenancy: Tenancy, issuer: Issuer, team: Team) -> None:
    await team.paper("Paper")
    lead = issuer.holder(tenancy, groups=["leads"])
    await claim(team, lead)
    assert (await lead.put(vote_path(team, "Paper"), {"value": 1})).status_code == 201
    assert (await lead.put(vote_path(team), {"value": 2})).status_code == 201
    assert [vote["participant_id"] for vote in await lead.items(f"{team.path}/votes")] == [team.ids["Own"]]
    assert (await lead.get(team.path)).json()["allowed_transitions"] != []


async def test_a_vote_leaves_no_name_in_history_and_feed(tenancy: Tenancy, team: Team, holder: Actor) -> None:
    await claim(team, holder)
    before = (await tenancy.admin.get(f"{team.path}/participants/{team.ids['Own']}")).json()
    assert (await holder.put(vote_path(team), {"value": 2})).status_code == 201
    assert (await tenancy.admin.get(f"{team.path}/participants/{team.ids['Own']}")).json() == before
    history = await tenancy.admin.items(f"{team.path}/participants/{team.ids['Own']}/history")
    assert [change["event"] for change in history] == ["invited", "claimed"]


async def test_a_claim_ends_the_open_invitation(tenancy: Tenancy, team: Team, person_id: str, holder: Actor) -> None:
    await team.invited("Second", seat="observer", person_id=person_id)
    code = await team.invite_again("Own")
    await claim(team, holder)
    refused = await tenancy.http.post("/v1/seats/claim", json={"code": code})
    assert refused.status_code in {404, 429}


@pytest.mark.parametrize("groups", [["leads"], ["admins"]])
async def test_no_key_and_no_role_claims_a_seat(
    tenancy: Tenancy, issuer: Issuer, team: Team, groups: list[str]
) -> None:
    await issuer.link(tenancy, "other")
    assert (await claim(team, tenancy.admin))[0] == 403
    assert (await claim(team, issuer.holder(tenancy, "other", groups=groups)))[0] == 403
    assert (await claim(team, issuer.holder(tenancy, "unknown", groups=groups)))[0] == 404


async def test_a_later_link_to_the_same_person_opens_nothing(
    tenancy: Tenancy, issuer: Issuer, team: Team, person_id: str, holder: Actor
) -> None:
    await claim_and_vote(team, holder)
    await issuer.link(tenancy, "intruder", person_id)
    intruder = issuer.holder(tenancy, "intruder", groups=["admins"])
    assert await claim(team, intruder) == (409, "seat_taken")
    assert (await intruder.get(f"{team.path}/votes")).status_code == 403
    assert (await intruder.put(vote_path(team), {"value": 0})).status_code == 403


async def test_relinking_the_subject_is_another_identity(
    tenancy: Tenancy, issuer: Issuer, team: Team, person_id: str, holder: Actor
) -> None:
    await claim(team, holder)
    async with operators_transaction(tenancy.owner, tenancy.tenant_id) as tx:
        [made] = await list_links(tx)
        await unlink(tx, made.id)
    await issuer.link(tenancy, "subject-1", person_id)
    tenancy.app.state.app_state.invalidate()
    assert await claim(team, holder) == (409, "seat_taken")


async def test_inviting_again_ends_the_hold_and_hides_what_was_cast(
    tenancy: Tenancy, issuer: Issuer, team: Team, person_id: str, holder: Actor
) -> None:
    await claim_and_vote(team, holder)
    await team.invite_again("Own")
    assert (await holder.get(f"{team.path}/votes")).status_code == 404
    await issuer.link(tenancy, "intruder", person_id)
    intruder = issuer.holder(tenancy, "intruder")
    assert (await claim(team, intruder))[0] == 200
    assert await intruder.items(f"{team.path}/votes") == []
    assert (await claim(team, holder)) == (409, "seat_taken")


async def test_a_seat_given_to_another_person_opens_nothing(
    tenancy: Tenancy, issuer: Issuer, team: Team, holder: Actor
) -> None:
    await claim_and_vote(team, holder)
    other = await issuer.link(tenancy, "other")
    path = f"{team.path}/participants/{team.ids['Own']}"
    assert (await tenancy.admin.patch(path, {"person_id": other})).status_code == 200
    assert await claim(team, issuer.holder(tenancy, "other")) == (409, "seat_taken")
    assert (await holder.get(f"{team.path}/votes")).status_code == 404


@pytest.mark.parametrize("end", ["withdraw", "revoke", "leave", "unbind"])
async def test_a_hold_ends_with_what_it_rests_on(
    issuer: Issuer, team: Team, person_id: str, holder: Actor, end: str
) -> None:
    tenancy = team.tenancy
    await claim_and_vote(team, holder)
    seat = f"{team.path}/participants/{team.ids['Own']}"
    if end == "withdraw":
        assert (await tenancy.admin.delete(seat)).status_code in {200, 204}
    elif end == "revoke":
        assert (await tenancy.admin.delete(f"{seat}/token")).status_code == 204
    elif end == "leave":
        await tenancy.admin.patch(f"/v1/people/{person_id}", {"active": False})
    else:
        async with operators_transaction(tenancy.owner, tenancy.tenant_id) as tx:
            assert issuer.provider_id is not None
            await remove_provider(tx, issuer.provider_id)
    tenancy.app.state.app_state.invalidate()
    assert (await holder.put(vote_path(team, practice="P2"), {"value": 1})).status_code in {401, 404}


async def test_a_token_holder_is_not_displaced(tenancy: Tenancy, team: Team, holder: Actor) -> None:
    seat = await team.reseat("Own")
    assert await claim(team, holder) == (409, "seat_taken")
    assert (await seat.put(vote_path(team), {"value": 1})).status_code == 201
    assert (await claim(team, seat))[0] == 200


async def test_a_paper_seat_is_not_claimed(tenancy: Tenancy, issuer: Issuer) -> None:
    person_id = await issuer.link(tenancy, "paper")
    team = await new_team(tenancy)
    await team.invited("Paper", channel="paper", person_id=person_id)
    assert (await claim(team, issuer.holder(tenancy, "paper")))[0] == 404
