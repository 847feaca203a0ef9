"""The OpenAPI document: what the framework makes of the routes, with our errors, roles and headers in it."""

import json
import re
from collections.abc import Mapping
from typing import Any, Protocol

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, TypeAdapter
from pydantic.alias_generators import to_pascal

from app.errors import (
    AppError,
    Forbidden,
    Internal,
    Invalid,
    InvalidCursor,
    MalformedBody,
    NotFound,
    PayloadTooLarge,
    PreconditionFailed,
    PreconditionRequired,
    RepeatedHeader,
    RequestTimeout,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnsupportedMediaType,
    catalogue,
)
from app.http.idempotency import AnswerErased, IdempotencyKeyReused, IdempotencyRunning
from app.http.openapi.describe import describe_parameters, describe_tuples
from app.http.openapi.headers import HEADERS, refer
from app.http.openapi.webhooks import DescribedEvent, describe_webhooks
from app.http.problems import MEDIA_TYPE, Problem, example, problems

_METHODS = ("get", "post", "put", "patch", "delete")
_REF = "#/components/schemas/"

IF_MATCH: dict[str, Any] = {
    "parameters": [
        {
            "name": "If-Match",
            "in": "header",
            "required": True,
            "schema": {"type": "string"},
            "description": "The ETag that was read; `*` overwrites on purpose.",
            "example": '"3.5f0c2a9b41de"',
        }
    ]
}
IF_MATCH_TO_REPLACE: dict[str, Any] = {
    "parameters": [
        {
            "name": "If-Match",
            "in": "header",
            "required": False,
            "schema": {"type": "string"},
            "description": "Required to replace: the ETag that was read.",
            "example": '"3.5f0c2a9b41de"',
        },
        {
            "name": "If-None-Match",
            "in": "header",
            "required": False,
            "schema": {"type": "string", "enum": ["*"]},
            "description": "`*`: only create, never replace.",
            "example": "*",
        },
    ]
}
IF_NONE_MATCH: dict[str, Any] = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "ETags the caller has: 304 where one is still right.",
    "example": '"3.5f0c2a9b41de"',
}
#: Of a route whose answer has an ETag although it is no row with a version.
TAGGED: dict[int | str, dict[str, Any]] = {200: {"headers": {"ETag": refer("ETag")}}}
DRY_RUN: dict[str, Any] = {
    "name": "dry_run",
    "in": "query",
    "required": False,
    "schema": {"type": "boolean", "default": False},
    "description": "Check everything, change nothing: 200 with what would have been answered.",
}
IDEMPOTENCY_KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
    "description": "Makes the request safe to repeat for 24 hours: the same key and request replay the first answer.",
}
MERGE_PATCH = "application/merge-patch+json"
_UNCHANGED = ("ETag", "X-Request-Id", "RateLimit", "RateLimit-Policy")


class Rule(Protocol):
    """Who may perform an operation."""

    def published(self) -> list[str]:
        """Return the roles of which any one is enough: ``x-required-role``."""
        ...

    def conditions(self) -> dict[str, str]:
        """Return what else must hold for a caller with one of them, by role: ``x-role-conditions``."""
        ...


def install(app: FastAPI, rules: Mapping[str, Rule], events: Mapping[str, DescribedEvent]) -> None:
    """Make ``app.openapi`` produce the finished document.

    Args:
        rules: who may perform an operation, by its operationId.
        events: the types of events.
    """

    def build() -> dict[str, Any]:
        if not app.openapi_schema:
            app.openapi_schema = _document(app, rules, events)
        return app.openapi_schema

    app.openapi = build  # type: ignore[method-assign]


_SECURITY_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key (`fa_…`), the token of one seat (`fs_…`), or the access token of a sign-in. "
        "Only `/scim/v2`, which is not in this document, takes SCIM tokens (`fi_…`).",
    }
}


def _document(app: FastAPI, rules: Mapping[str, Rule], events: Mapping[str, DescribedEvent]) -> dict[str, Any]:
    made: dict[str, Any] = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=app.description,
        routes=app.routes,
        tags=app.openapi_tags,
        contact=app.contact,
        license_info=app.license_info,
        servers=[{"url": "/", "description": "Where this document came from"}],
    )
    # Short names for pages: what clients generate is then called OrganizationPage.
    made = json.loads(re.sub(r"\bPage[_\[](\w+?)(?:Read)?[_\]](?=\")", r"\1Page", json.dumps(made)))
    schemas: dict[str, Any] = made.setdefault("components", {}).setdefault("schemas", {})
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    described = TypeAdapter(Problem).json_schema(ref_template=_REF + "{model}")
    schemas.update(described.pop("$defs"))
    schemas["Problem"] = described
    made["components"]["securitySchemes"] = _SECURITY_SCHEMES
    _open_answers(made)
    _spell_out_choices(schemas)
    _close_maps(schemas)
    describe_tuples(schemas)
    examples = _restore_examples(schemas)
    for operations in made["paths"].values():
        for method in _METHODS:
            if method in operations:
                _finish(method, operations[method], rules[operations[method]["operationId"]], schemas)
                _illustrate(operations[method], examples)
                describe_parameters(operations[method], schemas)
    if "EventRead" in schemas:
        made["webhooks"] = describe_webhooks(events, schemas)
    made["components"]["headers"] = HEADERS
    _locate(made["paths"])
    _share_responses(made)
    texts = str(made["paths"]) + str(made["components"]["responses"])
    kinds = sorted(catalogue(), key=lambda kind: kind.code)
    made["components"]["examples"] = {
        kind.code: {"summary": kind.title, "value": example(kind)}
        for kind in kinds
        if f"#/components/examples/{kind.code}'" in texts
    }
    return made


def _share_responses(made: dict[str, Any]) -> None:
    """Say each plain failure once, and refer to it: the document is half as long."""
    shared: dict[str, Any] = made["components"].setdefault("responses", {})
    for operations in made["paths"].values():
        for responses in (operations[method]["responses"] for method in _METHODS if method in operations):
            for status, response in responses.items():
                examples = response.get("content", {}).get(MEDIA_TYPE, {}).get("examples", {})
                if len(examples) == 1:
                    name = to_pascal(next(iter(examples)))
                    shared[name] = response
                    responses[status] = {"$ref": f"#/components/responses/{name}"}


def _close_maps(node: Any) -> None:
    """Declare that a map whose names follow a pattern takes no others. The framework does not declare it."""
    if isinstance(node, dict):
        if "patternProperties" in node:
            node.setdefault("additionalProperties", False)
        node = list(node.values())
    if isinstance(node, list):
        for part in node:
            _close_maps(part)


def _restore_examples(schemas: Mapping[str, Any]) -> dict[str, Any]:
    """Return the first example of every schema that has one. The framework drops their nulls; put those back."""
    found: dict[str, Any] = {}
    pending: list[type[BaseModel]] = [BaseModel]
    while pending:
        model = pending.pop()
        pending += model.__subclasses__()
        extra = model.model_config.get("json_schema_extra")
        own = extra.get("examples") if isinstance(extra, dict) else None
        if isinstance(own, list) and model.__name__ in schemas:
            schemas[model.__name__]["examples"] = own
            found[model.__name__] = own[0]
    return found


def _open_answers(made: Mapping[str, Any]) -> None:
    """Let answers grow: a schema that only answers use must not forbid the fields a later release adds.

    Pydantic forbids them where the model refuses unknown fields, which is right for what is sent and read from files.
    """
    operations = [entry[method] for entry in made["paths"].values() for method in _METHODS if method in entry]
    schemas = made["components"]["schemas"]
    sent = _used(schemas, [part for one in operations for part in (one.get("requestBody"), one.get("parameters"))])
    for name in schemas.keys() - sent:
        if schemas[name].get("additionalProperties") is False:
            del schemas[name]["additionalProperties"]


def _spell_out_choices(node: Any) -> None:
    """Say a constant among alternatives as an enum of one, which is the same.

    openapi-python-client reads a union's constant without trying the other alternatives, and so refuses them all.
    """
    if isinstance(node, list):
        for part in node:
            _spell_out_choices(part)
    elif isinstance(node, dict):
        for choice in node.get("anyOf", ()):
            if "const" in choice:
                choice["enum"] = [choice.pop("const")]
        _spell_out_choices(list(node.values()))


def _used(schemas: Mapping[str, Any], parts: list[Any]) -> set[str]:
    """Return the names of the schemas that some parts of the document refer to, directly or through others."""
    found: set[str] = set()
    pending = parts
    while pending:
        names = set(re.findall(rf'"\$ref": "{_REF}(\w+)"', json.dumps(pending))) - found
        found |= names
        pending = [schemas[name] for name in names]
    return found


def _illustrate(operation: dict[str, Any], examples: Mapping[str, Any]) -> None:
    """Give the operation's body and its answers their examples."""
    spoken = [operation.get("requestBody", {})]
    spoken += [answer for status, answer in operation["responses"].items() if status.startswith("2")]
    for content in (part.get("content", {}) for part in spoken):
        for media in content.values():
            name = media.get("schema", {}).get("$ref", "").removeprefix(_REF)
            if name in examples:
                media["example"] = examples[name]
            elif name.endswith("Page"):
                one = name.removesuffix("Page")
                media["example"] = {
                    "items": [examples[f"{one}Read" if f"{one}Read" in examples else one]],
                    "next_cursor": None,
                    "sync_mark": "2026-10-05T12:59:30.000000Z",
                }


def _finish(method: str, operation: dict[str, Any], rule: Rule, schemas: Mapping[str, Any]) -> None:
    # The framework makes a summary of the function's name; its first sentence says more.
    operation["summary"] = operation["description"].partition("\n\n")[0].partition(". ")[0].removesuffix(".")
    required = operation["x-required-role"] = rule.published()
    if rule.conditions():
        operation["x-role-conditions"] = rule.conditions()
    operation["security"] = [] if required == ["public"] else [{"bearer": []}]
    responses: dict[str, Any] = operation["responses"]
    if "HTTPValidationError" in str(responses.get("422")):
        del responses["422"]
    kinds = _common_failures(method, operation, required)
    if method == "patch":
        content = operation["requestBody"]["content"]
        content[MERGE_PATCH] = content["application/json"]
    if _writes(method, operation):
        _declare_write(method, operation)
    for status, entry in problems(*kinds).items():
        known = responses.setdefault(str(status), entry)
        if known is not entry:
            known["content"][MEDIA_TYPE]["examples"].update(entry["content"][MEDIA_TYPE]["examples"])
    _headers(method, operation, schemas)
    operation["responses"] = dict(sorted(responses.items()))


def _writes(method: str, operation: Mapping[str, Any]) -> bool:
    # An operation that uses up a code can have neither a dry run nor a replay.
    return method != "get" and not (operation.get("x-computes-only") or operation.get("x-one-use"))


def _common_failures(method: str, operation: Mapping[str, Any], required: list[str]) -> list[type[AppError]]:
    """Return the failures that the form of an operation implies, in addition to those that its route declares."""
    parameters: list[Mapping[str, Any]] = operation.get("parameters", [])
    applies: list[tuple[bool, tuple[type[AppError], ...]]] = [
        (True, (RepeatedHeader, Invalid, Internal, Unavailable)),
        (required != ["public"], (Unauthorized, TooManyRequests)),
        (required not in (["public"], ["authenticated"]), (Forbidden,)),
        (any(one["in"] == "path" for one in parameters) and required != ["public"], (NotFound,)),
        (any(one["name"] == "cursor" for one in parameters), (InvalidCursor,)),
        ("requestBody" in operation, (MalformedBody, RequestTimeout, PayloadTooLarge, UnsupportedMediaType)),
        (_writes(method, operation) and method == "post", (IdempotencyRunning, IdempotencyKeyReused, AnswerErased)),
        (any(one["name"] == "If-Match" for one in parameters), (PreconditionFailed, PreconditionRequired)),
    ]
    return [kind for applied, kinds in applies if applied for kind in kinds]


def _declare_write(method: str, operation: dict[str, Any]) -> None:
    """Declare the dry run of every write, and the safe repetition of every POST."""
    more = [DRY_RUN, IDEMPOTENCY_KEY] if method == "post" else [DRY_RUN]
    operation["parameters"] = [*operation.get("parameters", []), *more]
    responses = operation["responses"]
    made: dict[str, Any] = next((responses[status] for status in ("201", "202", "200") if status in responses), {})
    dry_run_response = responses.setdefault("200", {"description": "A dry run: what would have been answered."})
    if "content" in made:
        dry_run_response["content"] = made["content"]
    dry_run_response.setdefault("headers", {})["Dry-Run"] = refer("Dry-Run")
    if method == "post":
        for status in {"200", "201", "202"} & responses.keys():
            responses[status].setdefault("headers", {})["Idempotency-Replayed"] = refer("Idempotency-Replayed")


def _headers(method: str, operation: dict[str, Any], schemas: Mapping[str, Any]) -> None:
    for status, response in operation["responses"].items():
        headers = response.setdefault("headers", {})
        headers["X-Request-Id"] = refer("X-Request-Id")
        if operation["security"] and status != "401":
            headers |= {name: refer(name) for name in ("RateLimit", "RateLimit-Policy")}
        if not status.startswith("2"):
            continue
        if any(one["name"] == "cursor" for one in operation.get("parameters", [])):
            headers["Link"] = refer("Link")
        if _is_versioned(response, schemas):
            headers["ETag"] = refer("WrittenETag" if "Dry-Run" in headers else "ETag")
    answered = operation["responses"].get("200", {}).get("headers", {})
    if method == "get" and "ETag" in answered:
        operation["responses"]["304"] = {
            "description": "The caller has this representation already.",
            "headers": {name: answered[name] for name in _UNCHANGED if name in answered},
        }
        operation["parameters"] = [*operation.get("parameters", []), IF_NONE_MATCH]


def _locate(paths: Mapping[str, Any]) -> None:
    """Declare Location on a creation in a collection whose members can be read."""
    for path, operations in paths.items():
        member = re.compile(re.escape(path) + r"/\{\w+\}")
        readable = any(member.fullmatch(other) and "get" in entry for other, entry in paths.items())
        made = operations.get("post", {}).get("responses", {}).get("201")
        if made and readable:
            made["headers"]["Location"] = refer("Location")


def _is_versioned(response: Mapping[str, Any], schemas: Mapping[str, Any]) -> bool:
    reference = response.get("content", {}).get("application/json", {}).get("schema", {}).get("$ref", "")
    properties = schemas.get(reference.removeprefix(_REF), {}).get("properties", {})
    return "version" in properties and "updated_at" in properties
