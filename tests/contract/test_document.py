"""The OpenAPI document: what is committed, complete and true."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app import __version__
from app.access.operations import OPERATIONS
from app.errors import catalogue
from app.main import create_app
from app.settings import Settings

ROOT = Path(__file__).parent.parent.parent
METHODS = ("get", "post", "put", "patch", "delete")
#: A shorter description hardly says more than the operation's name.
SHORTEST = 120
#: Words that only a reader of the code would understand.
PRIVATE = re.compile(
    r"\b(?:in sight|out of sight|told|tells?|whoever|lest|rehears\w+|beside|one's own)\b", re.IGNORECASE
)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app(Settings.model_construct(), database_url="postgresql://nowhere/none").openapi()


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, entry[method])
        for path, entry in document["paths"].items()
        for method in METHODS
        if method in entry
    ]


def test_the_committed_document_is_what_the_app_says(document: dict[str, Any]) -> None:
    committed = json.loads((ROOT / "openapi" / "openapi.json").read_text(encoding="utf-8"))
    assert committed == json.loads(json.dumps(document)), "run `make openapi` and commit the result"


def test_every_operation_has_a_rule_and_every_rule_an_operation(document: dict[str, Any]) -> None:
    assert {operation["operationId"] for _, _, operation in operations(document)} == set(OPERATIONS)


def test_every_operation_publishes_who_may_perform_it(document: dict[str, Any]) -> None:
    for _, _, operation in operations(document):
        assert operation["x-required-role"] == OPERATIONS[operation["operationId"]].published()
        assert bool(operation["security"]) == (operation["x-required-role"] != ["public"])


def test_the_links_of_an_integrator_are_published_as_a_condition(document: dict[str, Any]) -> None:
    conditions = {
        operation["operationId"]: operation["x-role-conditions"]
        for _, _, operation in operations(document)
        if "x-role-conditions" in operation
    }
    maintained = ("createOrganization", "updateOrganization", "moveOrganization", "upsertOrganization")
    assert conditions == {key: {"integrator": "linked"} for key in maintained}


def test_every_operation_is_described_and_illustrated(document: dict[str, Any]) -> None:
    silent = []
    for path, method, operation in operations(document):
        spoken = [operation.get("requestBody", {})]
        spoken += [answer for status, answer in operation["responses"].items() if status.startswith("2")]
        contents = [media for part in spoken for media in part.get("content", {}).values()]
        if not (operation["summary"] and operation.get("description") and operation["tags"]):
            silent.append((method, path, "words"))
        if any("example" not in media for media in contents):
            silent.append((method, path, "example"))
    assert silent == []


def walk(node: Any, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every object of the document with its place, examples left out."""
    if isinstance(node, dict):
        yield place, node
        for name, part in node.items():
            if name not in {"example", "examples", "default", "enum"}:
                yield from walk(part, f"{place}/{name}")
    elif isinstance(node, list):
        for at, part in enumerate(node):
            yield from walk(part, f"{place}/{at}")


def test_every_operation_says_when_to_call_it_and_what_follows(document: dict[str, Any]) -> None:
    short = [
        operation["operationId"]
        for _, _, operation in operations(document)
        if len(operation["description"].partition("\n\n")[2]) < SHORTEST
    ]
    assert short == []


def test_every_parameter_is_described(document: dict[str, Any]) -> None:
    parameters = [one for _, node in walk(document["paths"]) for one in node.get("parameters", ())]
    assert len(parameters) > 300
    assert [one["name"] for one in parameters if not one.get("description")] == []


def test_every_property_is_described(document: dict[str, Any]) -> None:
    properties = {
        f"{place}/{name}": one
        for place, node in walk(document["components"]["schemas"])
        if isinstance(node.get("properties"), dict) and not place.endswith("/properties")
        for name, one in node["properties"].items()
    }
    assert len(properties) > 500
    assert [place for place, one in properties.items() if not one.get("description")] == []


def test_texts_use_standard_words(document: dict[str, Any]) -> None:
    texts = [
        (place, node[name])
        for place, node in walk(document)
        for name in ("description", "summary")
        if isinstance(node.get(name), str)
    ]
    assert len(texts) > 1000
    assert [place for place, text in texts if PRIVATE.search(text)] == []


def test_it_is_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    assert document["info"]["version"] == __version__


def test_operation_ids_are_camel_case_and_unique(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(ids)) == len(ids)
    assert [one for one in ids if not re.fullmatch(r"[a-z]+(?:[A-Z][a-z]+)*", one)] == []


def test_every_operation_has_one_tag_and_every_tag_is_described_and_used(document: dict[str, Any]) -> None:
    # Generated clients make a module of a tag: two tags would put an operation in the one or the other.
    tags = {tag["name"] for tag in document["tags"] if tag["description"]}
    assert {len(operation["tags"]) for _, _, operation in operations(document)} == {1}
    assert {operation["tags"][0] for _, _, operation in operations(document)} == tags


def test_every_operation_declares_its_failures(document: dict[str, Any]) -> None:
    missing = []
    for path, method, operation in operations(document):
        who = operation["x-required-role"]
        names = {parameter["name"] for parameter in operation.get("parameters", ())}
        due = {"422", "500", "503"}
        due |= set() if who == ["public"] else {"401"}
        due |= set() if who in (["public"], ["authenticated"]) else {"403"}
        due |= {"404"} if "{" in path else set()
        due |= {"400"} if "cursor" in names else set()
        due |= {"400", "413", "415"} if "requestBody" in operation else set()
        due |= {"412", "428"} if "If-Match" in names else set()
        due |= {"409", "422"} if "Idempotency-Key" in names else set()
        missing += [(method, path, status) for status in due - operation["responses"].keys()]
    assert missing == []


def test_what_has_an_etag_can_be_asked_for_conditionally(document: dict[str, Any]) -> None:
    tagged = set()
    for path, method, operation in operations(document):
        if method == "get" and "ETag" in operation["responses"]["200"].get("headers", {}):
            tagged.add(path)
            assert "304" in operation["responses"], path
            assert "If-None-Match" in {parameter["name"] for parameter in operation["parameters"]}, path
    assert {"/v1/organizations/{organization_id}", "/v1/assessments/{assessment_id}/readiness"} <= tagged


def test_answers_may_grow(document: dict[str, Any]) -> None:
    readiness = document["components"]["schemas"]["ReadinessRead"]
    assert "additionalProperties" not in readiness
    assert document["components"]["schemas"]["OrganizationCreate"]["additionalProperties"] is False


def test_no_constant_stands_among_alternatives(document: dict[str, Any]) -> None:
    assert re.findall(r'"anyOf": \[[^\]]*"const"', json.dumps(document)) == []


def test_no_reference_dangles(document: dict[str, Any]) -> None:
    def references(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return own + [found for value in node.values() for found in references(value)]
        if isinstance(node, list):
            return [found for value in node for found in references(value)]
        return []

    for reference in set(references(document)):
        node: Any = document
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]


def test_maps_are_closed(document: dict[str, Any]) -> None:
    """The service refuses other names than the pattern's, and JSON Schema must say so."""

    def maps(node: Any) -> list[dict[str, Any]]:
        parts = list(node.values()) if isinstance(node, dict) else node if isinstance(node, list) else []
        own = [node] if isinstance(node, dict) and "patternProperties" in node else []
        return own + [found for part in parts for found in maps(part)]

    found = maps(document)
    assert found
    assert [one for one in found if one.get("additionalProperties") is not False] == []


def test_every_failure_is_a_problem(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        for status, listed in operation["responses"].items():
            shared = listed.get("$ref", "").rpartition("/")[2]
            answer = document["components"]["responses"][shared] if shared else listed
            if status[0] in "45":
                assert list(answer["content"]) == ["application/problem+json"], (method, path, status)
                assert answer["content"]["application/problem+json"]["examples"], (method, path, status)


def test_conditional_writes_say_so(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        names = {parameter["name"] for parameter in operation.get("parameters", ())}
        bulk = operation["operationId"] in {
            "castVotes",
            "updateActionItems",
            "transitionActionItems",
        }  # each item names its version
        guarded = not bulk and (method == "patch" or path.endswith("/transitions"))
        assert not guarded or "If-Match" in names, (method, path)


def test_codes_of_failures_are_unique() -> None:
    codes = [kind.code for kind in catalogue()]
    twice = {code for code in codes if codes.count(code) > 1}
    assert twice <= {"internal_error"}


def test_the_page_of_errors_lists_every_failure() -> None:
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    assert [kind.code for kind in catalogue() if f"`{kind.code}`" not in page] == []
