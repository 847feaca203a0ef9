"""What holds for every resource: problems, request ids, limits, cursors, hostile input."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from app.access.keys import revoke_key
from app.provisioning import operators_transaction
from app.settings import Settings
from tests.support.actors import Actor, Tenancy

PROBLEM = {"type", "title", "status", "detail", "instance", "code", "request_id", "errors"}


def problem(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert set(body) >= PROBLEM
    assert (body["status"], body["code"]) == (status, code)
    assert body["request_id"] == answer.headers["x-request-id"]


async def test_unknown_routes_and_methods_answer_problems(admin: Actor) -> None:
    problem(await admin.get("/v1/nothing"), 404, "not_found")
    answer = await admin.call("DELETE", "/v1/organizations")
    problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, HEAD, POST"
    problem(await admin.get("/v1/organizations/"), 404, "not_found")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [("action-items/transitions", "POST"), (f"assessments/{uuid4()}/participants/bulk", "POST")],
    ids=["action-items", "participants"],
)
async def test_the_name_of_a_sub_resource_is_not_read_as_an_id(admin: Actor, path: str, allowed: str) -> None:
    for method in ("GET", "PATCH", "DELETE"):
        answer = await admin.call(method, f"/v1/{path}")
        problem(answer, 405, "method_not_allowed")
        assert answer.headers["allow"] == allowed


async def test_a_request_id_is_echoed_or_made(admin: Actor) -> None:
    asked = await admin.get("/v1/me", headers={"X-Request-Id": "trace-1.a_b"})
    assert asked.headers["x-request-id"] == "trace-1.a_b"
    made = await admin.get("/v1/me", headers={"X-Request-Id": "not good\x7f" + "x" * 200})
    assert len(made.headers["x-request-id"]) == 16


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "unauthorized"),
        ({"Authorization": "Basic YTpi"}, "unauthorized"),
        ({"Authorization": "Bearer fa_"}, "unauthorized"),
        ({"Authorization": f"Bearer fa_{uuid4().hex}_{'x' * 43}"}, "unauthorized"),
        ({"Authorization": f"Bearer fs_{uuid4().hex}_{'x' * 43}"}, "unauthorized"),
    ],
)
async def test_no_credential_or_a_bad_one_is_401(http: httpx.AsyncClient, headers: dict[str, str], code: str) -> None:
    answer = await http.get("/v1/organizations", headers=headers)
    problem(answer, 401, code)
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_unknown_and_repeated_parameters_are_refused(admin: Actor) -> None:
    for path in (
        "/v1/organizations?colour=red",
        "/v1/me?x=1",
        "/v1/organizations?limit=1&limit=2",
        "/healthz/live?x=1",
    ):
        problem(await admin.get(path), 422, "invalid")


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x", "1.5", "9" * 40])
async def test_limits_are_bounded(admin: Actor, limit: str) -> None:
    answer = await admin.get("/v1/organizations", params={"limit": limit})
    problem(answer, 422, "invalid")
    assert answer.json()["errors"][0]["pointer"] == "/query/limit"


@pytest.mark.parametrize("cursor", ["x", "AAAA", "A" * 80, "é", "a.b", "\x00", "=" * 8])
async def test_a_cursor_of_ones_own_making_is_refused(admin: Actor, cursor: str) -> None:
    problem(await admin.get("/v1/organizations", params={"cursor": cursor}), 400, "invalid_cursor")


async def test_a_cursor_of_another_tenant_is_refused(tenancy: Tenancy, other_tenancy: Tenancy) -> None:
    await tenancy.organization()
    cursor = (await tenancy.admin.get("/v1/organizations?limit=1")).json()["next_cursor"]
    await other_tenancy.organization()
    problem(await other_tenancy.admin.get("/v1/organizations", params={"cursor": cursor}), 400, "invalid_cursor")


async def send(admin: Actor, body: bytes, content_type: str = "application/json", **headers: str) -> httpx.Response:
    return await admin.call(
        "POST", "/v1/organizations", content=body, headers={"Content-Type": content_type, **headers}
    )


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"name": NaN}',
        b'{"name": Infinity}',
        b'{"staff_count": 1e400}',
        b'{"name": "a", "name": "b"}',
        b"\xff\xfe",
        b'{"a":' * 40 + b"1" + b"}" * 40,
        b"[" * 100_000,
        b'{"staff_count": ' + b"9" * 5000 + b"}",
        b"\xef\xbb\xbf{}",
    ],
)
async def test_json_that_parsers_disagree_about_is_refused(admin: Actor, body: bytes) -> None:
    problem(await send(admin, body), 400, "malformed_body")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "", "application/xml"])
async def test_only_json_is_taken(admin: Actor, content_type: str) -> None:
    problem(await send(admin, b"{}", content_type), 415, "unsupported_media_type")


async def test_compressed_bodies_are_refused(admin: Actor) -> None:
    problem(await send(admin, b"{}", **{"Content-Encoding": "gzip"}), 415, "unsupported_media_type")


async def test_large_bodies_are_refused(admin: Actor, settings: Settings) -> None:
    body = b'{"name": "' + b"x" * settings.max_body_bytes + b'"}'
    problem(await send(admin, body), 413, "payload_too_large")

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 100_000

    answer = await admin.call(
        "POST", "/v1/organizations", content=chunks(), headers={"Content-Type": "application/json"}
    )
    problem(answer, 413, "payload_too_large")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "secret\x00value"),
        ("name", "   "),
        ("name", "x" * 201),
        ("name", 7),
        ("name", None),
        ("staff_count", True),
        ("staff_count", -1),
        ("staff_count", 2**63),
        ("staff_count", 1.5),
        ("staff_count", "12"),
        ("timezone", "Mars/Olympus"),
        ("kind", "planet"),
        ("parent_id", "secretvalue"),
        ("parent_id", 12),
        ("external_ids", [{"source": "a b", "external_id": "1"}]),
        ("external_ids", {}),
        ("colour", "secretvalue"),
    ],
)
async def test_values_out_of_bounds_are_told_by_place_and_not_repeated(
    tenancy: Tenancy, admin: Actor, field: str, value: object
) -> None:
    body = {"parent_id": tenancy.root_id, "kind": "site", "name": "Site", field: value}
    answer = await admin.post("/v1/organizations", body)
    problem(answer, 422, "invalid")
    assert answer.json()["errors"][0]["pointer"].startswith(f"/body/{field}")
    assert "secret" not in answer.text
    assert (await admin.get("/v1/organizations")).json()["items"][1:] == []


async def test_lone_surrogates_are_refused_even_in_names_of_fields(tenancy: Tenancy, admin: Actor) -> None:
    head = f'{{"parent_id": "{tenancy.root_id}", "kind": "site", '.encode()
    problem(await send(admin, head + b'"name": "\\ud800"}'), 422, "invalid")
    problem(await send(admin, head + b'"name": "a", "\\ud800": 1}'), 422, "invalid")


@pytest.mark.parametrize("name", ["e\u0301", "\u00e9"])
async def test_text_is_stored_in_one_form(tenancy: Tenancy, admin: Actor, name: str) -> None:
    made = await tenancy.organization(name=f"Caf{name}")
    assert made["name"] == "Caf\u00e9"
    assert [one["id"] for one in (await admin.get("/v1/organizations", params={"q": "CAFÉ"})).json()["items"]] == [
        made["id"]
    ]


@pytest.mark.parametrize(
    "path", ["%00", "not-a-uuid", "0" * 400, "%ff", "..%2f..", "01990000-0000-7000-8000-000000000000%00"]
)
async def test_odd_ids_in_paths_are_client_errors(admin: Actor, path: str) -> None:
    for method in ("GET", "DELETE"):
        answer = await admin.call(method, f"/v1/organizations/{path}")
        assert answer.status_code in {404, 422}, answer.text
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("tag", ["x", '"1"', "1.abc", '"99999999999.0"', '"-1.0"', ""])
async def test_a_tag_of_ones_own_making_matches_nothing(tenancy: Tenancy, admin: Actor, tag: str) -> None:
    answer = await admin.call(
        "PATCH", f"/v1/organizations/{tenancy.root_id}", json={"name": "X"}, headers={"If-Match": tag}
    )
    problem(answer, 412, "precondition_failed")


async def test_one_of_several_tags_is_enough(tenancy: Tenancy, admin: Actor) -> None:
    path = f"/v1/organizations/{tenancy.root_id}"
    tag = (await admin.get(path)).headers["etag"]
    assert (await admin.patch(path, {"name": "X"}, if_match=f'"77.aa", {tag}')).status_code == 200


async def test_a_revoked_key_and_an_expired_one_say_so(app: FastAPI, tenancy: Tenancy) -> None:
    actor = await tenancy.key(("viewer", tenancy.root_id))
    assert (await actor.get("/v1/me")).status_code == 200
    async with operators_transaction(tenancy.owner, tenancy.tenant_id) as tx:
        await revoke_key(tx, tenancy.keys[-1])
    app.state.app_state.authenticate.invalidate()
    problem(await actor.get("/v1/me"), 401, "key_revoked")
    expired = await tenancy.key(("viewer", tenancy.root_id), expires_at=datetime.now(UTC) - timedelta(seconds=1))
    problem(await expired.get("/v1/me"), 401, "key_expired")


async def test_answers_forbid_sniffing_framing_and_storing(admin: Actor) -> None:
    headers = (await admin.get("/v1/me")).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"


async def test_what_has_a_tag_may_be_kept_and_revalidated(tenancy: Tenancy, admin: Actor) -> None:
    path = f"/v1/organizations/{tenancy.root_id}"
    read = await admin.get(path)
    known = await admin.get(path, headers={"If-None-Match": read.headers["etag"]})
    assert [answer.headers["cache-control"] for answer in (read, known)] == ["private, no-cache"] * 2


async def test_what_nobody_foresaw_is_told_as_a_problem_and_no_more(
    tenancy: Tenancy, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr("app.people.service.create", fail)
    monkeypatch.setattr("app.people.queries.get_person", fail)
    path = "/v1/people"
    for answer in (
        await admin.post(path, {"organization_id": tenancy.root_id, "name": "Coach"}),
        await admin.get(f"{path}/{uuid4()}"),
    ):
        assert answer.status_code == 500
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.json()["code"] == "internal_error"
        assert answer.json()["request_id"] == answer.headers["x-request-id"]
        assert "secret" not in answer.text
