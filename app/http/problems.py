"""Every failure as ``application/problem+json`` (RFC 9457), whoever raised it."""

import json
import re
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.datastructures import URL
from starlette.exceptions import HTTPException
from starlette.routing import Match

from app.errors import (
    AppError,
    BadRequest,
    FieldError,
    Internal,
    Invalid,
    MalformedBody,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    UnsupportedMediaType,
)

MEDIA_TYPE = "application/problem+json"
_TYPE_BASE = "urn:fa-readiness:problem:"
_POINTER_LENGTH = 200
INTERNAL_DETAIL = "Something went wrong here; the request id helps to find it in the log."
_BRANCH = re.compile(r"[\[(]|^(?:constrained-\w+|int|str|bool|float|none|date|datetime|uuid)$")
_MOST_ERRORS = 50

#: Messages of the validator that would repeat what the caller sent, reworded.
_REWORDED = {
    "date_from_datetime_inexact": "This is not a date",
    "date_from_datetime_parsing": "This is not an ISO date",
    "date_parsing": "This is not an ISO date",
    "datetime_from_date_parsing": "This is not an RFC 3339 instant",
    "datetime_object_invalid": "This is not an RFC 3339 instant",
    "datetime_parsing": "This is not an RFC 3339 instant",
    "json_invalid": "This is not well-formed JSON",
    "union_tag_invalid": "The kind is not one of the known ones",
    "url_parsing": "This is not a URL",
    "url_syntax_violation": "This is not a URL",
    "uuid_parsing": "This is not a UUID",
    "uuid_type": "This is not a UUID",
    "uuid_version": "This is not a UUID",
}

_OF_STATUS: Mapping[int, type[AppError]] = {
    400: BadRequest,
    404: NotFound,
    405: MethodNotAllowed,
    413: PayloadTooLarge,
    415: UnsupportedMediaType,
    422: Invalid,
}


#: Headers that failures of a status bring along.
_HEADERS: Mapping[int, dict[str, Any]] = {
    401: {"WWW-Authenticate": {"description": "`Bearer`.", "schema": {"type": "string"}}},
    412: {"ETag": {"description": "The present one, where there is one.", "schema": {"type": "string"}}},
    503: {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "string"}}},
}


class ProblemError(BaseModel):
    """One fault of a request."""

    pointer: str = Field(description="JSON Pointer into the request: `/body/…`, `/query/…`, `/path/…`, `/header/…`.")
    code: str = Field(description="Stable and machine-readable.")
    message: str = Field(description="For people; may change.")


class Problem(BaseModel):
    """Why a request failed (RFC 9457)."""

    type: str = Field(description="A URN that names the kind of failure.")
    title: str = Field(description="The kind of failure, the same for every occurrence.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="This occurrence, for people.")
    instance: str = Field(description="The path that was asked for.")
    code: str = Field(description="Stable and machine-readable; the README lists all.")
    request_id: str = Field(description="Also in the `X-Request-Id` header; quote it when asking for help.")
    errors: list[ProblemError] = Field(description="Faults by place, where there are any.")


def document(error: AppError, *, instance: str, request_id: str) -> dict[str, Any]:
    """The problem document of an error."""
    return {
        "type": _TYPE_BASE + error.code,
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "instance": instance,
        "code": error.code,
        "request_id": request_id,
        "errors": error.errors[:_MOST_ERRORS],
        **error.extra,
    }


def render(error: AppError, *, instance: str, request_id: str) -> Response:
    """An error as a response. The JSON is pure ASCII, so not even a lone surrogate in a field's name can break it."""
    body = json.dumps(document(error, instance=_printable(instance), request_id=request_id)).encode("ascii")
    return Response(body, status_code=error.status, media_type=MEDIA_TYPE, headers=error.headers)


def answer(scope: MutableMapping[str, Any], error: AppError) -> Response:
    """An error as the response to a request."""
    return render(error, instance=URL(scope=scope).path, request_id=scope["request_id"])


def _printable(path: str) -> str:
    return path[:_POINTER_LENGTH].encode("ascii", "backslashreplace").decode("ascii")


def _pointer(location: Sequence[Any]) -> str:
    # The validator names the branch of a union it tried; to the caller there is only the field.
    kept = [step for step in location if not (isinstance(step, str) and _BRANCH.search(step))]
    steps = (str(step)[:64].replace("~", "~0").replace("/", "~1") for step in kept)
    return ("/" + "/".join(steps))[:_POINTER_LENGTH]


def of_validation(faults: Sequence[Mapping[str, Any]]) -> AppError:
    """The problem of a request that the validator refused; repeats none of its values."""
    if any(fault["type"] == "json_invalid" for fault in faults):
        return MalformedBody()
    errors = [
        FieldError(_pointer(fault["loc"]), fault["type"], _REWORDED.get(fault["type"], fault["msg"]))
        for fault in faults
    ]
    return Invalid("Some of what was sent is not valid; see errors.", errors=errors)


def allowed_methods(app: FastAPI, scope: Mapping[str, Any]) -> list[str]:
    """Every method that some route takes at this path (the framework names one route's only)."""
    found: set[str] = set()
    for route in app.routes:
        match, _ = route.matches(dict(scope))
        if match is not Match.NONE:
            found.update(getattr(route, "methods", None) or ())
    return sorted(found)


def install(app: FastAPI) -> None:
    """Render every failure of this app in the one shape."""

    async def on_app_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, AppError)  # noqa: S101  # the registration below says so
        return answer(request.scope, error)

    async def on_invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        return answer(request.scope, of_validation(error.errors()))

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101
        kind = _OF_STATUS.get(error.status_code, Internal if error.status_code >= 500 else BadRequest)
        if error.status_code == 400:
            kind = MalformedBody
        headers = dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = ", ".join(allowed_methods(app, request.scope))
        return answer(request.scope, kind(headers=headers))

    async def on_unhandled(request: Request, _error: Exception) -> Response:
        # The framework raises it again, and the guard logs it.
        return answer(request.scope, Internal(INTERNAL_DETAIL))

    app.add_exception_handler(Exception, on_unhandled)
    app.add_exception_handler(AppError, on_app_error)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)


def problems(*kinds: type[AppError]) -> dict[int | str, dict[str, Any]]:
    """Declare a route's own failures in the OpenAPI document, by status, with an example of each kind."""
    declared: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        entry = declared.setdefault(
            kind.status,
            {
                "description": kind.title,
                **({"headers": _HEADERS[kind.status]} if kind.status in _HEADERS else {}),
                "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}},
            },
        )
        if kind.title not in entry["description"]:
            entry["description"] += f"; {kind.title[0].lower()}{kind.title[1:]}"
        entry["content"][MEDIA_TYPE]["examples"][kind.code] = {"$ref": f"#/components/examples/{kind.code}"}
    return declared


def example(kind: type[AppError]) -> dict[str, Any]:
    """What a failure of this kind looks like."""
    return {
        "type": _TYPE_BASE + kind.code,
        "title": kind.title,
        "status": kind.status,
        "detail": kind.title,
        "instance": "/v1/…",
        "code": kind.code,
        "request_id": "0198c6f0a1b27d3e",
        "errors": [],
    }
