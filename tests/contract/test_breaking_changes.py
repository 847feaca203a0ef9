"""No release breaks a client of the last one: the document against `openapi/released.json`, and the check itself."""

import copy
import json
import tomllib
from collections.abc import Callable
from typing import Any

import pytest
from specshift.differ import diff_specs
from specshift.models import Severity

from tests.contract.compatibility import breaks
from tests.support.tools import ROOT

Document = dict[str, Any]
RELEASED: Document = json.loads((ROOT / "openapi" / "released.json").read_text(encoding="utf-8"))
PRESENT: Document = json.loads((ROOT / "openapi" / "openapi.json").read_text(encoding="utf-8"))


def specshift(old: Document, new: Document) -> list[str]:
    changes = diff_specs(old, new).changes
    return sorted(f"{one.location}: {one.message}" for one in changes if one.severity is Severity.BREAKING)


def refused(old: Document, new: Document) -> list[str]:
    """Return what either of the two checks reports as a break."""
    return breaks(old, new) + specshift(old, new)


def test_no_client_of_the_last_release_breaks() -> None:
    listed = tomllib.loads((ROOT / "openapi" / "accepted.toml").read_text(encoding="utf-8"))
    accepted = {one["change"]: one["why"] for one in listed.get("accepted", ())}
    found = refused(RELEASED, PRESENT)
    unexpected = [line for line in found if line not in accepted]
    assert unexpected == [], "these break clients: keep /v1 as it was, or list them in openapi/accepted.toml"
    assert accepted.keys() - set(found) == set(), "these do not happen any more: remove them from the list"
    assert all(accepted.values())


def schema(document: Document, name: str) -> Document:
    found: Document = document["components"]["schemas"][name]
    return found


def operation(document: Document, operation_id: str) -> Document:
    operations = [one for entry in document["paths"].values() for one in entry.values()]
    found: Document = next(one for one in operations if one["operationId"] == operation_id)
    return found


def parameter(document: Document, operation_id: str, name: str) -> Document:
    [found] = [one for one in operation(document, operation_id)["parameters"] if one["name"] == name]
    one: Document = found
    return one


def rename_path(document: Document) -> None:
    document["paths"]["/v1/myself"] = document["paths"].pop("/v1/me")


def rename_field(document: Document, name: str) -> None:
    body = schema(document, name)
    body["properties"]["label"] = body["properties"].pop("name")
    body["required"] = ["label" if one == "name" else one for one in body["required"]]


def unrequire(document: Document, name: str, field: str) -> None:
    schema(document, name)["required"].remove(field)


def retype(document: Document, name: str, field: str, **now: Any) -> None:
    schema(document, name)["properties"][field] = now


def change_parameter(document: Document, operation_id: str, name: str, **now: Any) -> None:
    parameter(document, operation_id, name).update(now)


def drop_parameter(document: Document, operation_id: str, name: str) -> None:
    operation(document, operation_id)["parameters"].remove(parameter(document, operation_id, name))


def add_parameter(document: Document, operation_id: str, *, required: bool) -> None:
    new = {"name": "colour", "in": "query", "required": required, "schema": {"type": "string"}}
    operation(document, operation_id)["parameters"].append(new)


def add_field(document: Document, name: str, *, required: bool) -> None:
    schema(document, name)["properties"]["colour"] = {"type": "string"}
    if required:
        schema(document, name)["required"].append("colour")


def drop_field(document: Document, name: str, field: str) -> None:
    del schema(document, name)["properties"][field]
    if field in schema(document, name)["required"]:
        unrequire(document, name, field)


BREAKING: dict[str, tuple[Callable[[Document], Any], str]] = {
    "a path is removed": (lambda d: d["paths"].pop("/v1/me"), "GET /v1/me: removed"),
    "a path is renamed": (rename_path, "GET /v1/me: removed"),
    "a method is removed": (
        lambda d: d["paths"]["/v1/people/{person_id}"].pop("delete"),
        "DELETE /v1/people/{person_id}: removed",
    ),
    "an operationId is renamed": (
        lambda d: operation(d, "getMe").update(operationId="whoAmI"),
        "GET /v1/me: operationId changed",
    ),
    "an operationId is removed": (
        lambda d: operation(d, "getMe").pop("operationId"),
        "GET /v1/me: operationId changed",
    ),
    "a tag is renamed": (lambda d: operation(d, "getMe").update(tags=["me"]), "GET /v1/me: tags changed"),
    "a public operation asks for credentials": (
        lambda d: operation(d, "getLiveness").update(security=[{"bearer": []}]),
        "GET /healthz/live: asks for credentials",
    ),
    "a role may no longer": (
        lambda d: operation(d, "createProgram")["x-required-role"].remove("manager"),
        "POST /v1/programs: no longer for manager",
    ),
    "a parameter is removed": (
        lambda d: drop_parameter(d, "listPeople", "q"),
        "GET /v1/people query q: removed",
    ),
    "a parameter becomes required": (
        lambda d: change_parameter(d, "listPeople", "q", required=True),
        "GET /v1/people query q: required",
    ),
    "a new parameter is required": (
        lambda d: add_parameter(d, "listPeople", required=True),
        "GET /v1/people query colour: required",
    ),
    "a parameter changes its type": (
        lambda d: change_parameter(d, "listPeople", "limit", schema={"type": "string", "default": 50}),
        "GET /v1/people query limit: type changed",
    ),
    "a parameter takes less": (
        lambda d: parameter(d, "listPeople", "limit")["schema"].update(maximum=100),
        "GET /v1/people query limit: maximum changed",
    ),
    "a default changes": (
        lambda d: parameter(d, "listPeople", "limit")["schema"].update(default=20),
        "GET /v1/people query limit: default changed",
    ),
    "a body's field is removed": (
        lambda d: drop_field(d, "PersonCreate", "active"),
        "POST /v1/people body/active: removed",
    ),
    "a body's field is renamed": (
        lambda d: rename_field(d, "PersonCreate"),
        "POST /v1/people body/label: required",
    ),
    "a body has a new required field": (
        lambda d: add_field(d, "PersonCreate", required=True),
        "POST /v1/people body/colour: required",
    ),
    "a body's field becomes required": (
        lambda d: schema(d, "PersonCreate")["required"].append("active"),
        "POST /v1/people body/active: required",
    ),
    "a body's field changes its type": (
        lambda d: retype(d, "PersonCreate", "name", type="integer"),
        "POST /v1/people body/name: type changed",
    ),
    "a body's field may no longer be null": (
        lambda d: retype(d, "OrganizationCreate", "staff_count", type="integer"),
        "POST /v1/organizations body/staff_count: type changed",
    ),
    "a body's text must be shorter": (
        lambda d: schema(d, "PersonCreate")["properties"]["name"].update(maxLength=10),
        "POST /v1/people body/name: maxLength changed",
    ),
    "a body's text must look otherwise": (
        lambda d: schema(d, "PersonCreate")["properties"]["name"].update(pattern="^[a-z]+$"),
        "POST /v1/people body/name: pattern changed",
    ),
    "a choice of a body is removed": (
        lambda d: schema(d, "OrganizationKind")["enum"].remove("team"),
        "POST /v1/organizations body/kind: 'team' removed",
    ),
    "a free text becomes a choice": (
        lambda d: retype(d, "PersonCreate", "name", type="string", enum=["a"], minLength=1, maxLength=200),
        "POST /v1/people body/name: only some values",
    ),
    "a media type is no longer taken": (
        lambda d: operation(d, "updatePerson")["requestBody"]["content"].pop("application/merge-patch+json"),
        "PATCH /v1/people/{person_id} body application/merge-patch+json: removed",
    ),
    "a choice of an answer is added": (
        lambda d: schema(d, "AssessmentState")["enum"].append("paused"),
        "GET /v1/assessments/{assessment_id} 200/state: 'paused' added",
    ),
    "an answer's field is removed": (
        lambda d: drop_field(d, "PersonRead", "active"),
        "GET /v1/people/{person_id} 200/active: removed",
    ),
    "an answer's field is renamed": (
        lambda d: rename_field(d, "PersonRead"),
        "GET /v1/people 200/items[]/name: removed",
    ),
    "an answer's field may be absent": (
        lambda d: unrequire(d, "PersonRead", "active"),
        "GET /v1/people/{person_id} 200/active: no longer always there",
    ),
    "an answer's field may be null": (
        lambda d: retype(d, "PersonRead", "name", anyOf=[{"type": "string"}, {"type": "null"}]),
        "GET /v1/people/{person_id} 200/name: type changed",
    ),
    "an answer's field changes its type": (
        lambda d: retype(d, "PersonRead", "version", type="string"),
        "GET /v1/people/{person_id} 200/version: type changed",
    ),
    "an answer's field changes its format": (
        lambda d: retype(d, "PersonRead", "created_at", type="string", format="date"),
        "GET /v1/people/{person_id} 200/created_at: format changed",
    ),
    "an answer's list holds something else": (
        lambda d: schema(d, "PersonPage")["properties"].update(items={"type": "array", "items": {"type": "string"}}),
        "GET /v1/people 200/items[]: type changed",
    ),
    "a part deep in an answer is removed": (
        lambda d: drop_field(d, "WithinGroupAgreement", next(iter(schema(d, "WithinGroupAgreement")["properties"]))),
        "200/practices[]/r_wg/",
    ),
    "a problem loses its code": (
        lambda d: drop_field(d, "Problem", "code"),
        "GET /v1/me 401 application/problem+json/code: removed",
    ),
    "an answer comes with another status": (
        lambda d: operation(d, "createPerson")["responses"].update(
            {"202": operation(d, "createPerson")["responses"].pop("201")}
        ),
        "POST /v1/people 201: removed",
    ),
    "an answer has another media type": (
        lambda d: operation(d, "getMe")["responses"]["200"]["content"].update(
            {"text/plain": operation(d, "getMe")["responses"]["200"]["content"].pop("application/json")}
        ),
        "GET /v1/me 200 application/json: removed",
    ),
    "a header is no longer sent": (
        lambda d: operation(d, "getPerson")["responses"]["200"]["headers"].pop("ETag"),
        "GET /v1/people/{person_id} 200 header ETag: removed",
    ),
}
ADDITIVE: dict[str, Callable[[Document], Any]] = {
    "a new path": lambda d: d["paths"].update({"/v1/new": copy.deepcopy(d["paths"]["/v1/me"])}),
    "a new method": lambda d: d["paths"]["/v1/me"].update(
        put={**operation(copy.deepcopy(d), "getMe"), "operationId": "x"}
    ),
    "a new optional parameter": lambda d: add_parameter(d, "listPeople", required=False),
    "a parameter takes more": lambda d: parameter(d, "listPeople", "limit")["schema"].update(maximum=500),
    "a new optional field of a body": lambda d: add_field(d, "PersonCreate", required=False),
    "a field of a body becomes optional": lambda d: unrequire(d, "PersonCreate", "name"),
    "a longer text of a body": lambda d: schema(d, "PersonCreate")["properties"]["name"].update(maxLength=999),
    "a new field of an answer": lambda d: add_field(d, "PersonRead", required=True),
    "a new field deep in an answer": lambda d: add_field(d, "WithinGroupAgreement", required=True),
    "a new choice of a parameter": lambda d: schema_of_sort(d)["enum"].append("-colour"),
    "a new failure": lambda d: operation(d, "getMe")["responses"].update(
        {"451": operation(d, "getMe")["responses"]["401"]}
    ),
    "another role may": lambda d: operation(d, "createProgram")["x-required-role"].append("viewer"),
    "everybody may": lambda d: operation(d, "createProgram").update({"x-required-role": ["authenticated"]}),
    "a new header": lambda d: operation(d, "getMe")["responses"]["200"]["headers"].update(
        {"X-New": {"schema": {"type": "string"}}}
    ),
    "other words": lambda d: operation(d, "getMe").update(summary="Other", description="Words"),
    "a new tag's description": lambda d: d["tags"].append({"name": "new", "description": "New."}),
}


def schema_of_sort(document: Document) -> Document:
    found: Document = parameter(document, "listPeople", "sort")["schema"]
    return found


@pytest.mark.parametrize("name", BREAKING)
def test_what_would_break_a_client_is_refused(name: str) -> None:
    change, expected = BREAKING[name]
    changed = copy.deepcopy(PRESENT)
    change(changed)
    found = breaks(PRESENT, changed)
    assert any(expected in line for line in found), found


@pytest.mark.parametrize("name", ADDITIVE)
def test_what_adds_is_let_pass(name: str) -> None:
    changed = copy.deepcopy(PRESENT)
    ADDITIVE[name](changed)
    assert changed != PRESENT
    assert refused(PRESENT, changed) == []


def test_a_keyword_the_check_does_not_know_is_not_passed_over() -> None:
    changed = copy.deepcopy(PRESENT)
    schema(changed, "PersonRead")["not"] = {"type": "string"}
    with pytest.raises(NotImplementedError, match="not"):
        breaks(PRESENT, changed)
