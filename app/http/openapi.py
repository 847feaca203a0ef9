"""The OpenAPI document: what the framework makes of the routes, with our errors, roles and headers in it."""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter

from app.errors import (
    AppError,
    Forbidden,
    Internal,
    Invalid,
    MalformedBody,
    NotFound,
    PayloadTooLarge,
    PreconditionFailed,
    PreconditionRequired,
    Unauthorized,
    Unavailable,
    UnsupportedMediaType,
)
from app.http.problems import MEDIA_TYPE, Problem, problems

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
            "schema": {"type": "string", "const": "*"},
            "description": "`*`: only create, never replace.",
        },
    ]
}
MERGE_PATCH = "application/merge-patch+json"


def install(app: FastAPI, roles: Callable[[str], list[str]]) -> None:
    """Make ``app.openapi`` produce the finished document.

    Args:
        roles: the ``x-required-role`` of an operationId.
    """

    def build() -> dict[str, Any]:
        if not app.openapi_schema:
            app.openapi_schema = _document(app, roles)
        return app.openapi_schema

    app.openapi = build  # type: ignore[method-assign]


def _document(app: FastAPI, roles: Callable[[str], list[str]]) -> dict[str, Any]:
    made = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=app.description,
        routes=app.routes,
        tags=app.openapi_tags,
        license_info=app.license_info,
        servers=[{"url": "/", "description": "Where this document came from"}],
    )
    schemas: dict[str, Any] = made.setdefault("components", {}).setdefault("schemas", {})
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    described = TypeAdapter(Problem).json_schema(ref_template=_REF + "{model}")
    schemas.update(described.pop("$defs"))
    schemas["Problem"] = described
    made["components"]["securitySchemes"] = {
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key (`fa_…`) or the token of one seat (`fs_…`).",
        }
    }
    for operations in made["paths"].values():
        for method in _METHODS:
            if method in operations:
                _finish(method, operations[method], roles(operations[method]["operationId"]), schemas)
    return made


def _finish(method: str, operation: dict[str, Any], required: list[str], schemas: Mapping[str, Any]) -> None:
    operation["x-required-role"] = required
    public = required == ["public"]
    operation["security"] = [] if public else [{"bearer": []}]
    responses: dict[str, Any] = operation["responses"]
    if "HTTPValidationError" in str(responses.get("422")):
        del responses["422"]
    parameters: list[Mapping[str, Any]] = operation.get("parameters", [])
    kinds: list[type[AppError]] = [Internal, Unavailable]
    if not public:
        kinds += [Unauthorized, Invalid]
        if required != ["authenticated"]:
            kinds.append(Forbidden)
        if any(parameter["in"] == "path" for parameter in parameters):
            kinds.append(NotFound)
    if "requestBody" in operation:
        kinds += [MalformedBody, PayloadTooLarge, UnsupportedMediaType]
        content = operation["requestBody"]["content"]
        if method == "patch":
            content[MERGE_PATCH] = content["application/json"]
    for parameter in parameters:
        if parameter["name"] == "If-Match":
            kinds += [PreconditionFailed, PreconditionRequired]
    for status, entry in problems(*kinds).items():
        known = responses.setdefault(str(status), entry)
        if known is not entry:
            known["content"][MEDIA_TYPE]["examples"].update(entry["content"][MEDIA_TYPE]["examples"])
    _headers(method, operation, schemas)
    operation["responses"] = dict(sorted(responses.items()))


def _headers(method: str, operation: dict[str, Any], schemas: Mapping[str, Any]) -> None:
    for status, response in operation["responses"].items():
        if not status.startswith("2"):
            continue
        headers = response.setdefault("headers", {})
        headers["X-Request-Id"] = {"description": "Names this request in the log.", "schema": {"type": "string"}}
        if _is_versioned(response, schemas):
            headers["ETag"] = {"description": "`version.variant`, strong.", "schema": {"type": "string"}}
            if status == "201" and method == "post":
                headers["Location"] = {"description": "The new resource.", "schema": {"type": "string"}}
    if method == "get" and "ETag" in operation["responses"].get("200", {}).get("headers", {}):
        operation["responses"].setdefault("304", {"description": "The caller has this representation already."})


def _is_versioned(response: Mapping[str, Any], schemas: Mapping[str, Any]) -> bool:
    reference = response.get("content", {}).get("application/json", {}).get("schema", {}).get("$ref", "")
    properties = schemas.get(reference.removeprefix(_REF), {}).get("properties", {})
    return "version" in properties and "updated_at" in properties
