"""What is answered is declared: statuses, media types and the headers a client works with, for every operation."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from app.access.operations import OPERATIONS
from tests.support.actors import Actor, Tenancy
from tests.support.calls import CALLS
from tests.support.places import Place, furnish, place_of

DOCUMENT = json.loads((Path(__file__).parents[2] / "openapi" / "openapi.json").read_text(encoding="utf-8"))
DECLARED = {operation["operationId"]: operation for entry in DOCUMENT["paths"].values() for operation in entry.values()}
WORKING = ("ETag", "Link", "Location", "Dry-Run", "Idempotency-Replayed", "Retry-After", "WWW-Authenticate")
MISSING = place_of(str(uuid4()))


def declared(operation: str, status: int) -> dict[str, Any]:
    found = DECLARED[operation]["responses"].get(str(status), {})
    shared = found.get("$ref", "").rpartition("/")[2]
    response: dict[str, Any] = DOCUMENT["components"]["responses"][shared] if shared else found
    return response


def undeclared(operation: str, answer: httpx.Response) -> list[str]:
    """List what an answer has and the document does not declare."""
    if str(answer.status_code) not in DECLARED[operation]["responses"]:
        return [f"{operation}: {answer.status_code}"]
    response = declared(operation, answer.status_code)
    missing = [name for name in WORKING if name in answer.headers and name not in response.get("headers", {})]
    if answer.status_code == 201 and "Location" in response["headers"] and "Location" not in answer.headers:
        missing.append("Location is declared and not sent")
    media = answer.headers.get("content-type")
    if (media is not None) != ("content" in response) or (media and media not in response["content"]):
        missing.append(f"content-type {media}")
    return [f"{operation}: {answer.status_code} {name}" for name in missing]


async def test_answers_to_who_may_and_who_may_not_are_declared(tenancy: Tenancy, admin: Actor) -> None:
    place = await furnish(tenancy, (await tenancy.organization())["id"])
    profile = (await admin.get("/v1/scoring-profiles")).json()["items"][0]["id"]
    shared = {"scoring_profile": profile, "root_program": place.program, "spare_participant": place.participant}
    viewer = await tenancy.key(("viewer", tenancy.root_id))
    found: list[str] = []
    statuses: set[int] = set()

    async def look(operation: str, actor: Actor, at: Place, suffix: str = "", **headers: str) -> httpx.Response:
        method, path, body = CALLS[operation](at, shared)
        sent = {} if body is None else {"json": body}
        answer = await actor.call(method, path + suffix, headers=headers, **sent)
        found.extend(undeclared(operation, answer))
        statuses.add(answer.status_code)
        return answer

    # What removes comes last, so that there is something to read and to change before.
    for operation in sorted(CALLS, key=lambda name: name.startswith(("delete", "remove", "withdraw", "revoke"))):
        writes = CALLS[operation](place, shared)[0] != "GET"
        for actor in (Actor(tenancy.http, ""), viewer):
            await look(operation, actor, place)
        if not OPERATIONS[operation].anyone:
            await look(operation, admin, MISSING)
        await look(operation, admin, place, "?colour=red")
        if writes and operation != "computeReadiness":
            await look(operation, admin, place, "?dry_run=true", **{"If-Match": "*"})
            await look(operation, admin, place, **{"If-Match": '"77.0"'})
        if "If-Match" in {one["name"] for one in DECLARED[operation].get("parameters", ())}:
            await look(operation, admin, place)
        answer = await look(operation, admin, place, **({"If-Match": "*"} if writes else {}))
        if "etag" in answer.headers and not writes:
            again = await look(operation, admin, place, **{"If-None-Match": answer.headers["etag"]})
            assert again.status_code == 304, operation
        page = answer.json() if operation.startswith("list") else {}
        if "next_cursor" in page and len(page["items"]) > 1:
            assert "link" in (await look(operation, admin, place, "?limit=1")).headers, operation
    assert found == []
    assert {200, 201, 204, 304, 401, 403, 404, 409, 412, 422, 428} <= statuses
