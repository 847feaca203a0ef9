"""Headers: repeated ones, tags that a proxy changed, media types, HEAD, roles in a refusal, the way to the docs."""

from uuid import uuid4

import httpx
import pytest

from app.http.etags import matches, preconditions
from tests.support.actors import Actor, Tenancy


@pytest.mark.parametrize("name", ["Authorization", "If-Match", "Idempotency-Key"])
async def test_a_header_of_one_value_is_sent_once(tenancy: Tenancy, admin: Actor, name: str) -> None:
    value = {"Authorization": f"Bearer {admin.token}", "If-Match": "*", "Idempotency-Key": "k"}[name]
    headers = [("Authorization", f"Bearer {admin.token}")] * (name != "Authorization") + [(name, value)] * 2
    answer = await tenancy.http.post("/v1/organizations", json={}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "repeated_header")
    assert name in answer.json()["detail"]


async def test_if_none_match_may_be_sent_in_lines(tenancy: Tenancy, admin: Actor) -> None:
    path = f"/v1/organizations/{tenancy.root_id}"
    tag = (await admin.get(path)).headers["etag"]
    headers = [("Authorization", f"Bearer {admin.token}"), ("If-None-Match", '"1.aa"'), ("If-None-Match", tag)]
    assert (await tenancy.http.get(path, headers=headers)).status_code == 304


@pytest.mark.parametrize("form", ["Bearer  {}", "Bearer {} ", " Bearer {}", "Bearer\t{}", "Bearer {},", "Bearer", "{}"])
async def test_a_credential_has_one_spelling(tenancy: Tenancy, form: str) -> None:
    headers = [(b"authorization", form.format(tenancy.admin.token).encode())]
    scope = {"type": "http", "method": "GET", "path": "/v1/me", "query_string": b"", "headers": headers}
    said = []

    async def send(message: dict[str, object]) -> None:
        said.append(message)

    await tenancy.app({**scope, "root_path": "", "http_version": "1.1"}, None, send)  # type: ignore[arg-type]
    assert said[0]["status"] == 401


@pytest.mark.parametrize("path", ["/v1/organizations", "/v1/me", "/healthz/live", "/docs", "/v1/nothing"])
async def test_head_answers_as_get_does(tenancy: Tenancy, admin: Actor, path: str) -> None:
    got, head = [await admin.call(method, path) for method in ("GET", "HEAD")]
    varies = {"x-request-id", "date"}
    shown = [{name: value for name, value in one.headers.items() if name not in varies} for one in (got, head)]
    assert (head.status_code, shown[1]) == (got.status_code, shown[0])


async def test_the_methods_of_a_path_are_named(admin: Actor) -> None:
    answer = await admin.call("PATCH", f"/v1/assessments/{uuid4()}/readiness")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("kind", ["application/json-patch+json", "application/vnd.api+json", "text/json"])
async def test_other_kinds_of_json_are_not_taken(tenancy: Tenancy, admin: Actor, kind: str) -> None:
    path = f"/v1/organizations/{tenancy.root_id}"
    answer = await admin.call("PATCH", path, content=b"{}", headers={"Content-Type": kind, "If-Match": "*"})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


async def test_a_merge_patch_is_taken_by_patch_alone(tenancy: Tenancy, admin: Actor) -> None:
    headers = {"Content-Type": "application/merge-patch+json", "If-Match": "*"}
    patched = await admin.call("PATCH", f"/v1/organizations/{tenancy.root_id}", content=b"{}", headers=headers)
    posted = await admin.call("POST", "/v1/organizations", content=b"{}", headers=headers)
    assert (patched.status_code, posted.status_code) == (200, 415)


@pytest.mark.parametrize("sent", ['"3.abc"', 'W/"3.abc"', '"3.abc-gzip"', '"3.abc;br"', '"1.f", "3.abc-zstd"', "*"])
def test_a_tag_matches_whatever_a_proxy_added(sent: str) -> None:
    assert matches(sent, '"3.abc"')


@pytest.mark.parametrize("sent", ['"3.abd"', '"3.abc-more"', "3.abc", '"33.abc"', ""])
def test_another_tag_does_not_match(sent: str) -> None:
    assert not matches(sent, '"3.abc"')


@pytest.mark.parametrize(
    ("sent", "versions"),
    [('"3.abc-gzip"', {3}), ('"3.abc;br", "4.a"', {3, 4}), ('W/"3.abc"', {-1}), ('W/"3.abc", "4.a"', {4})],
)
def test_a_write_compares_strong_tags_only(sent: str, versions: set[int]) -> None:
    assert preconditions(sent, None).if_match == frozenset(versions)


async def test_an_unknown_parameter_is_named_and_its_value_is_not(admin: Actor) -> None:
    answer = await admin.get("/v1/organizations?colour=secret&a~/b=secret&" + "x" * 300 + "=secret")
    pointers = [error["pointer"] for error in answer.json()["errors"]]
    assert pointers == ["/query/colour", "/query/a~0~1b", "/query/" + "x" * 64]
    assert "secret" not in answer.text


@pytest.mark.parametrize("name", ["colour", "int", "a[b]", "a/b", "\u00e9"])
async def test_an_unknown_field_is_named_and_its_value_is_not(tenancy: Tenancy, admin: Actor, name: str) -> None:
    said = {"parent_id": tenancy.root_id, "kind": "site", "name": "Site", name: "secret"}
    answer = await admin.post("/v1/organizations", said)
    assert answer.json()["errors"][0]["pointer"] == "/body/" + name.replace("/", "~1")
    assert "secret" not in answer.text


async def test_a_route_without_a_body_takes_no_fields(tenancy: Tenancy, admin: Actor) -> None:
    headers = {"If-Match": "*"}
    path = f"/v1/organizations/{tenancy.root_id}"
    answer = await admin.call("DELETE", path, json={"colour": "secret"}, headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/body/colour")


async def test_a_refusal_names_the_roles_and_where_they_count(tenancy: Tenancy) -> None:
    viewer = await tenancy.key(("viewer", tenancy.root_id))
    answer = await viewer.delete(f"/v1/organizations/{tenancy.root_id}")
    assert (answer.status_code, answer.json()["required_roles"]) == (403, ["admin"])
    assert "on the organization concerned" in answer.json()["detail"]


async def test_a_refusal_about_a_program_names_the_roles(tenancy: Tenancy, admin: Actor) -> None:
    made = await admin.made("/v1/programs", {"organization_id": tenancy.root_id, "name": "Program"})
    viewer = await tenancy.key(("viewer", tenancy.root_id))
    answer = await viewer.delete(f"/v1/programs/{made['id']}")
    assert (answer.status_code, answer.json()["required_roles"]) == (403, ["manager", "admin"])
    assert "the organization that owns the program" in answer.json()["detail"]


async def test_a_list_names_the_roles_that_read(tenancy: Tenancy) -> None:
    respondent = await tenancy.key(("respondent", tenancy.root_id))
    answer = await respondent.get("/v1/people")
    assert answer.status_code == 403
    assert "viewer" in answer.json()["required_roles"]


async def test_the_root_leads_a_browser_to_the_documentation(http: httpx.AsyncClient) -> None:
    browser = await http.get("/", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    program = await http.get("/", headers={"Accept": "*/*"})
    assert (browser.status_code, browser.headers["location"]) == (303, "/docs")
    assert (program.status_code, program.json()["code"]) == (404, "not_found")
