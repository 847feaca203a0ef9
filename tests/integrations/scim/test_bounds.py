"""The limits of the service hold below `/scim` too, and refuse in the form that SCIM clients read."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from app.main import create_app
from app.settings import Settings
from tests.http.conftest import caller
from tests.support.actors import Actor, Tenancy
from tests.support.database import Urls
from tests.support.gate import Gate, gate_before
from tests.support.scim import CORE, ENTERPRISE, PATCH, SCIM_JSON, USERS, new_provisioner, patch, user

pytestmark = pytest.mark.anyio
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
SECONDS = 5.0
TOO_LARGE = 2 * 1_048_576


@pytest.fixture
async def idp(tenancy: Tenancy) -> Actor:
    return await new_provisioner(tenancy)


def refusal(answer: httpx.Response) -> tuple[int, str | None]:
    """Return the status and the kind of an error, which has the form of SCIM and an id of the request."""
    body = answer.json()
    assert answer.headers["Content-Type"] == "application/scim+json"
    assert answer.headers["X-Request-Id"]
    assert set(body) <= {"schemas", "status", "detail", "scimType"}
    assert (body["schemas"], body["status"]) == ([ERROR], str(answer.status_code))
    return answer.status_code, body.get("scimType")


async def test_every_answer_has_the_id_of_its_request(idp: Actor) -> None:
    made = await idp.post(USERS, user("ana"))
    path = f"{USERS}/{made.json()['id']}"
    answers = [made, await idp.get(path), await idp.patch(path, patch(), if_match=None), await idp.get(USERS)]
    answers.append(await idp.delete(path, if_match=None))
    assert len({answer.headers["X-Request-Id"] for answer in answers}) == len(answers)


@pytest.mark.parametrize(
    ("method", "path", "sent", "expected"),
    [
        ("GET", f"{USERS}/missing", {}, (404, None)),
        ("GET", "/scim/v2/Nothing", {}, (404, None)),
        ("DELETE", USERS, {}, (405, None)),
        ("POST", USERS, {"content": "{", "headers": SCIM_JSON}, (400, "invalidSyntax")),
        ("POST", USERS, {"content": "[]", "headers": SCIM_JSON}, (400, "invalidSyntax")),
        ("POST", USERS, {"content": "<a/>", "headers": {"Content-Type": "text/xml"}}, (415, None)),
        ("POST", USERS, {"json": user("ana", title="a" * TOO_LARGE)}, (413, None)),
        ("GET", USERS, {"headers": {"Authorization": "Bearer odd"}}, (401, None)),
    ],
)
async def test_a_refusal_has_the_form_of_scim(
    idp: Actor, method: str, path: str, sent: dict[str, Any], expected: tuple[int, str | None]
) -> None:
    assert refusal(await idp.call(method, path, **sent)) == expected


async def test_too_many_operations_are_refused_before_any_runs(idp: Actor) -> None:
    operations = [{"method": "POST", "path": "/Users", "bulkId": str(n), "data": user(f"u{n}")} for n in range(101)]
    assert refusal(await idp.post("/scim/v2/Bulk", {"schemas": [BULK], "Operations": operations}))[0] == 413
    made = await idp.made(USERS, user("ana"))
    changes = [{"op": "replace", "path": "title", "value": "Coach"}] * 201
    assert refusal(await idp.patch(f"{USERS}/{made['id']}", patch(*changes), if_match=None))[0] == 413
    assert (await idp.get(USERS)).json()["totalResults"] == 1


async def test_a_caller_beyond_its_quota_waits(settings: Settings, idp: Actor) -> None:
    app = create_app(settings.model_copy(update={"rate_per_principal": 1}))
    limited = caller(app, idp.token)
    assert (await limited.get(USERS)).status_code == 200
    refused = await limited.get(USERS)
    assert refusal(refused)[0] == 429
    assert int(refused.headers["Retry-After"]) >= 1
    await app.state.app_state.database.close()


@pytest.fixture
async def gate(urls: Urls) -> AsyncIterator[Gate]:
    async with gate_before(urls.service) as made:
        yield made


@pytest.fixture
async def hurried(idp: Actor, gate: Gate, settings: Settings) -> AsyncIterator[Actor]:
    """An identity provider whose requests have a few seconds."""
    # The first request of a process loads the library.
    assert (await idp.get(USERS)).status_code == 200
    app = create_app(settings.model_copy(update={"request_seconds": SECONDS}), database_url=gate.through)
    yield caller(app, idp.token)
    await app.state.app_state.database.close()


async def test_a_request_beyond_its_deadline_ends(hurried: Actor, gate: Gate) -> None:
    assert (await hurried.get(USERS)).status_code == 200
    gate.delay = SECONDS * 0.7
    assert refusal(await hurried.get(USERS))[0] == 503
    gate.delay = 0
    assert (await hurried.get(USERS)).status_code == 200


DEEP: Any = "x"
for _ in range(200):
    DEEP = {"a": DEEP}


@pytest.mark.parametrize(
    ("fields", "scim_type"),
    [
        ({"schemas": ["urn:example:unknown"]}, "invalidSyntax"),
        ({"schemas": "text"}, "invalidValue"),
        ({"emails": "ana@example.org"}, "invalidValue"),
        ({"userName": {"a": 1}}, "invalidValue"),
        ({"title": DEEP}, "invalidSyntax"),
    ],
)
async def test_a_user_of_a_wrong_shape_is_refused(idp: Actor, fields: dict[str, Any], scim_type: str) -> None:
    assert refusal(await idp.post(USERS, {**user("ana"), **fields})) == (400, scim_type)
    assert (await idp.get(USERS)).json()["totalResults"] == 0


@pytest.mark.parametrize("fields", [{}, {"schemas": []}])
async def test_a_user_without_schemas_is_taken_for_one_of_the_endpoint(idp: Actor, fields: dict[str, Any]) -> None:
    assert (await idp.made(USERS, {"userName": "ana", **fields}))["schemas"] == [CORE]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("urn:example:foreign:2.0:User:secret", (200, None)),
        ("password", (200, None)),
        ("tenant_id", (200, None)),
        ("person.active", (200, None)),
        ("id", (400, "mutability")),
        ("meta.created", (400, "mutability")),
        ("emails[type eq", (400, "invalidPath")),
        ('emails[type eq "work"].value.more', (400, "invalidPath")),
        ('emails[value[type eq "x"] eq "a"].value', (400, "invalidPath")),
        ("name..familyName", (400, "invalidPath")),
        ("__class__", (400, "invalidPath")),
        ("groups[0]", (400, "invalidPath")),
    ],
)
async def test_a_path_to_what_is_no_attribute_changes_nothing(
    idp: Actor, path: str, expected: tuple[int, str | None]
) -> None:
    made = await idp.made(USERS, user("ana", title="Coach"))
    where = f"{USERS}/{made['id']}"
    answer = await idp.patch(where, patch({"op": "replace", "path": path, "value": "x"}), if_match=None)
    assert (answer.status_code, answer.json().get("scimType")) == expected
    assert (await idp.get(where)).json() == made


@pytest.mark.parametrize(
    ("start", "count", "shown"),
    [
        ("0", "1", 1),
        ("-5", "1", 1),
        ("1", "0", 0),
        ("1", "-1", 0),
        ("2", "99999999999", 1),
        ("999999999999", "1", 0),
        ("9223372036854775807", "10", 0),
    ],
)
async def test_any_page_of_a_list_is_answered(idp: Actor, start: str, count: str, shown: int) -> None:
    for name in ("ana", "ben"):
        await idp.made(USERS, user(name))
    answer = await idp.get(USERS, params={"startIndex": start, "count": count})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["totalResults"], len(answer.json().get("Resources", []))) == (2, shown)


@pytest.mark.parametrize("parameter", ["startIndex", "count"])
@pytest.mark.parametrize("value", ["many", "1.5", "1" * 5_000, ""])
async def test_a_page_that_is_no_number_is_refused(idp: Actor, parameter: str, value: str) -> None:
    assert refusal(await idp.get(USERS, params={parameter: value}))[0] == 400


async def test_bulk_ids_that_wait_for_each_other_end(idp: Actor) -> None:
    def add(name: str, manager: str) -> dict[str, Any]:
        data = user(name, **{ENTERPRISE: {"manager": {"value": f"bulkId:{manager}"}}})
        return {"method": "POST", "path": "/Users", "bulkId": name, "data": data}

    body = {"schemas": [BULK], "Operations": [add("a", "b"), add("b", "a"), add("c", "c"), add("d", "missing")]}
    answer = await idp.post("/scim/v2/Bulk", body)
    assert [one["status"] for one in answer.json()["Operations"]] == ["409"] * 4
    assert (await idp.get(USERS)).json()["totalResults"] == 0


async def test_a_patch_of_another_schema_is_refused(idp: Actor) -> None:
    made = await idp.made(USERS, user("ana"))
    body = {"schemas": [BULK], "Operations": [{"op": "replace", "path": "title", "value": "Coach"}]}
    assert refusal(await idp.patch(f"{USERS}/{made['id']}", body, if_match=None))[0] == 400
    body["schemas"] = [PATCH]
    assert (await idp.patch(f"{USERS}/{made['id']}", body, if_match=None)).status_code == 200
