"""Users of SCIM are people, through the front door."""

import asyncio
from typing import Any

import pytest

from tests.support.actors import Actor, Tenancy
from tests.support.scim import ENTERPRISE, USERS, found, new_provisioner, patch, user

pytestmark = pytest.mark.anyio


@pytest.fixture
async def idp(tenancy: Tenancy) -> Actor:
    """The tenant's identity provider."""
    return await new_provisioner(tenancy)


async def made(idp: Actor, user_name: str, **fields: Any) -> dict[str, Any]:
    return await idp.made(USERS, user(user_name, **fields))


async def person_of(admin: Actor, name: str) -> dict[str, Any]:
    (person,) = await admin.items("/v1/people", q=name)
    return person


async def test_a_created_user_is_a_person_with_details(idp: Actor, admin: Actor) -> None:
    fields = {
        "displayName": "Ana  Lima",
        "title": "Coach",
        "emails": [{"value": "Ana@Agency.example", "type": "work", "primary": True}],
        ENTERPRISE: {"employeeNumber": "17", "department": "Family support"},
    }
    answer = await made(idp, "ana@agency.example", externalId="x-17", **fields)
    person = await person_of(admin, "Ana Lima")
    assert (person["email"], person["employee_number"]) == ("ana@agency.example", "17")
    assert (person["position"], person["department"], person["active"]) == ("Coach", "Family support", True)
    assert answer["emails"][0]["value"] == "Ana@Agency.example"
    assert answer["meta"]["location"] == f"http://test{USERS}/{answer['id']}"


async def test_a_patch_answers_200_with_the_resource_and_a_new_etag(idp: Actor) -> None:
    before = await made(idp, "ben")
    path = f"{USERS}/{before['id']}"
    tag = (await idp.get(path)).headers["ETag"]
    change = patch({"op": "Replace", "path": "title", "value": "Lead"})
    answer = await idp.patch(path, change, if_match=tag)
    assert answer.status_code == 200
    assert answer.json()["title"] == "Lead"
    assert answer.headers["ETag"] != tag
    assert (await idp.patch(path, change, if_match=tag)).status_code == 412


async def test_a_read_of_the_tag_that_the_caller_has_answers_304(idp: Actor) -> None:
    path = f"{USERS}/{(await made(idp, 'bea'))['id']}"
    tag = (await idp.get(path)).headers["ETag"]
    assert (await idp.get(path, headers={"If-None-Match": tag})).status_code == 304
    assert (await idp.get(path, headers={"If-None-Match": 'W/"0"'})).status_code == 200


async def test_a_request_to_sort_is_refused_and_is_no_fault_of_the_service(
    idp: Actor, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await idp.get(USERS, params={"sortBy": "userName"})
    assert (answer.status_code, answer.json()["status"]) == (501, "501")
    assert "unhandled" not in {record.getMessage() for record in caplog.records}


async def test_an_inactive_user_has_left_and_comes_back_as_the_same_person(idp: Actor, admin: Actor) -> None:
    path = f"{USERS}/{(await made(idp, 'cleo', displayName='Cleo'))['id']}"
    for sent, status in (("False", "left"), ("True", "active")):
        answer = await idp.patch(path, patch({"op": "Replace", "path": "active", "value": sent}), if_match=None)
        assert answer.status_code == 200, answer.text
        assert (await person_of(admin, "Cleo"))["employment_status"] == status


async def test_a_deleted_user_is_gone_and_the_person_stays(idp: Actor, admin: Actor) -> None:
    path = f"{USERS}/{(await made(idp, 'dan', displayName='Dan', externalId='d'))['id']}"
    assert (await idp.delete(path, if_match=None)).status_code == 204
    assert (await idp.get(path)).status_code == 404
    assert await found(idp, 'userName eq "dan"') == []
    before = await person_of(admin, "Dan")
    assert not before["active"]
    await made(idp, "DAN", displayName="Dan", externalId="d")
    after = await person_of(admin, "Dan")
    assert (after["id"], after["active"]) == (before["id"], True)


async def test_the_name_of_one_who_left_can_pass_to_somebody_else(idp: Actor, admin: Actor) -> None:
    first = await made(idp, "eva", displayName="Eva One", externalId="1")
    await idp.delete(f"{USERS}/{first['id']}", if_match=None)
    await made(idp, "eva", displayName="Eva Two", externalId="2")
    assert (await person_of(admin, "Eva One"))["id"] != (await person_of(admin, "Eva Two"))["id"]


async def test_of_two_creations_at_once_one_is_refused(idp: Actor) -> None:
    answers = await asyncio.gather(*(idp.post(USERS, user("Fay")) for _ in range(2)))
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    (refused,) = [answer.json() for answer in answers if answer.status_code == 409]
    assert refused["scimType"] == "uniqueness"
    assert await found(idp, 'userName eq "FAY"') == ["Fay"]


async def test_a_person_of_another_source_is_taken_over_by_employee_number(idp: Actor, tenancy: Tenancy) -> None:
    site = await tenancy.organization()
    body = {"organization_id": site["id"], "name": "Gil Ortiz", "employee_number": "77"}
    person = await tenancy.admin.made("/v1/people", body)
    await made(idp, "gil", displayName="G. Ortiz", **{ENTERPRISE: {"employeeNumber": "77"}})
    after = (await tenancy.admin.get(f"/v1/people/{person['id']}")).json()
    assert (after["name"], after["organization_id"]) == ("G. Ortiz", site["id"])


async def test_a_shared_address_alone_makes_nobody_the_same_person(idp: Actor, tenancy: Tenancy) -> None:
    body = {"organization_id": tenancy.root_id, "name": "Front desk", "email": "desk@agency.example"}
    person = await tenancy.admin.made("/v1/people", body)
    await made(idp, "hal", displayName="Hal", emails=[{"value": "desk@agency.example"}])
    assert (await person_of(tenancy.admin, "Hal"))["id"] != person["id"]


async def test_what_the_identity_provider_did_not_change_stays(idp: Actor, admin: Actor) -> None:
    path = f"{USERS}/{(await made(idp, 'ida', displayName='Ida'))['id']}"
    person = await person_of(admin, "Ida")
    await admin.patch(f"/v1/people/{person['id']}", {"name": "Ida Berg"})
    await idp.patch(path, patch({"op": "replace", "path": "title", "value": "Lead"}), if_match=None)
    after = (await admin.get(f"/v1/people/{person['id']}")).json()
    assert (after["name"], after["position"]) == ("Ida Berg", "Lead")


async def test_a_manager_is_another_user_even_as_a_plain_id(idp: Actor, admin: Actor) -> None:
    boss = await made(idp, "jo", displayName="Jo")
    path = f"{USERS}/{(await made(idp, 'kai', displayName='Kai'))['id']}"
    change = patch({"op": "Add", "path": f"{ENTERPRISE}:manager", "value": boss["id"]})
    answer = await idp.patch(path, change, if_match=None)
    assert answer.json()[ENTERPRISE]["manager"]["value"] == boss["id"]
    assert (await person_of(admin, "Kai"))["manager_id"] == (await person_of(admin, "Jo"))["id"]
    assert await found(idp, f'{ENTERPRISE}:manager.value eq "{boss["id"]}"') == ["kai"]


@pytest.mark.parametrize("manager", ["nobody", "0198c6f0-d4e5-7061-9273-84d5e6f70819"])
async def test_an_unknown_manager_is_refused(idp: Actor, manager: str) -> None:
    answer = await idp.post(USERS, user("lea", **{ENTERPRISE: {"manager": {"value": manager}}}))
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")


async def test_people_follow_with_the_events_of_every_other_way(idp: Actor, admin: Actor) -> None:
    path = f"{USERS}/{(await made(idp, 'mia', displayName='Mia'))['id']}"
    await idp.patch(path, patch({"op": "replace", "value": {"active": False}}), if_match=None)
    person = await person_of(admin, "Mia")
    rows = await admin.items("/v1/audit-events", object_id=person["id"])
    assert {row["action"] for row in rows} == {"person.created", "person.updated", "person.left"}
    assert {row["actor"]["kind"] for row in rows} == {"scim"}


async def test_a_bulk_request_keeps_what_succeeded(idp: Actor) -> None:
    await made(idp, "taken")
    operations = [
        {"method": "POST", "path": "/Users", "bulkId": str(at), "data": user(name)}
        for at, name in enumerate(["nia", "taken", "oda"])
    ]
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations}
    answer = await idp.post("/scim/v2/Bulk", body)
    assert [one["status"] for one in answer.json()["Operations"]] == ["201", "409", "201"]
    assert await found(idp, 'userName eq "nia" or userName eq "oda"') == ["nia", "oda"]


async def test_pages_are_counted_from_one(idp: Actor) -> None:
    for name in ("p1", "p2", "p3"):
        await made(idp, name)
    page = (await idp.get(USERS, params={"startIndex": 2, "count": 1, "aadOptscim062020": ""})).json()
    assert (page["totalResults"], page["startIndex"], page["itemsPerPage"]) == (3, 2, 1)
    assert [one["userName"] for one in page["Resources"]] == ["p2"]


async def test_an_erased_person_is_no_user_any_more(idp: Actor, admin: Actor) -> None:
    path = f"{USERS}/{(await made(idp, 'qi', displayName='Qi'))['id']}"
    person = await person_of(admin, "Qi")
    assert (await admin.post(f"/v1/people/{person['id']}/erasure")).status_code == 200
    assert (await idp.get(path)).status_code == 404


async def test_an_export_holds_what_the_identity_provider_said(idp: Actor, admin: Actor) -> None:
    await made(idp, "ray", displayName="Ray", externalId="r", emails=[{"value": "ray@agency.example"}])
    person = await person_of(admin, "Ray")
    (row,) = (await admin.get(f"/v1/people/{person['id']}/export")).json()["scim_users"]["items"]
    assert (row["user_name"], row["external_id"], row["emails"]) == ("ray", "r", ["ray@agency.example"])
