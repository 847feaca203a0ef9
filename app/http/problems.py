"""Render every failure as ``application/problem+json`` (RFC 9457)."""

import json
import re
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, ValidationError
from starlette.exceptions import HTTPException

from app.errors import (
    AppError,
    BadRequest,
    Conflict,
    FieldError,
    Forbidden,
    Frozen,
    Internal,
    Invalid,
    MalformedBody,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    PreconditionFailed,
    PreconditionRequired,
    RequestTimeout,
    UnsupportedMediaType,
)
from app.http import scim_errors
from app.http.openapi.headers import refer

MEDIA_TYPE = "application/problem+json"
_TYPE_BASE = "urn:fa-readiness:problem:"
_POINTER_LENGTH = 200
#: What may be the secret address of a calendar, also where a path is mistyped, or any other credential.
_SECRET = re.compile(r"(?<=/v1/calendars/).*|\bf[a-z]_[0-9a-f]{32}.*", re.IGNORECASE | re.DOTALL)
INTERNAL_DETAIL = "Something went wrong here; the request id helps to find it in the log."
_BRANCH = re.compile(r"[\[(]|^(?:constrained-\w+|int|str|bool|float|none|date|datetime|uuid)$")
MOST_ERRORS = 50
_MOST_FAULTS = 2_000
#: Faults whose last step is a name that was sent or is missing.
_NAMING = frozenset({"extra_forbidden", "missing", "invalid_key"})
Faults = list[dict[str, Any]]

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
    kind.status: kind
    for kind in (
        MalformedBody,
        Conflict,
        Forbidden,
        Frozen,
        Internal,
        Invalid,
        MethodNotAllowed,
        NotFound,
        PayloadTooLarge,
        PreconditionFailed,
        PreconditionRequired,
        RequestTimeout,
        UnsupportedMediaType,
    )
}

#: Headers that failures of a status bring along.
_HEADERS: Mapping[int, dict[str, Any]] = {
    401: {"WWW-Authenticate": refer("WWW-Authenticate")},
    412: {"ETag": refer("PresentETag")},
    429: {"Retry-After": refer("Retry-After")},
    503: {"Retry-After": refer("Retry-After")},
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
    code: str = Field(description="Stable and machine-readable; `docs/errors.md` lists all.")
    request_id: str = Field(description="Also in the `X-Request-Id` header; quote it when asking for help.")
    errors: list[ProblemError] = Field(description="Faults by place, where there are any.")


def document(error: AppError, *, instance: str, request_id: str) -> dict[str, Any]:
    """Return the problem document of an error."""
    return {
        "type": _TYPE_BASE + error.code,
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "instance": instance,
        "code": error.code,
        "request_id": request_id,
        "errors": error.errors[:MOST_ERRORS],
        **error.extra,
    }


def render(error: AppError, *, instance: str, request_id: str) -> Response:
    """Render an error as a response in pure ASCII, so that not even a lone surrogate in a field's name breaks it."""
    body = json.dumps(document(error, instance=_printable(instance), request_id=request_id)).encode("ascii")
    return Response(body, status_code=error.status, media_type=MEDIA_TYPE, headers=error.headers)


def answer(scope: MutableMapping[str, Any], error: AppError) -> Response:
    """Return an error as the response to a request, and note its code in the scope."""
    scope["problem"] = error.code
    if scim_errors.is_scim(scope["path"]):
        return scim_errors.render(error)
    return render(error, instance=_without_secrets(scope["path"]), request_id=scope["request_id"])


def _without_secrets(path: str) -> str:
    """Return a path that may be repeated: up to where a secret begins."""
    return _SECRET.sub("(token)", path, count=1)


def _printable(path: str) -> str:
    return path[:_POINTER_LENGTH].encode("ascii", "backslashreplace").decode("ascii")


def pointer(steps: Iterable[Any]) -> str:
    """Return a JSON Pointer of bounded length."""
    escaped = (str(step)[:64].replace("~", "~0").replace("/", "~1") for step in steps)
    return ("/" + "/".join(escaped))[:_POINTER_LENGTH]


def _pointer_of(fault: Mapping[str, Any]) -> str:
    # The validator names the branch of a union it tried, but the caller only knows the field.
    *steps, last = fault["loc"]
    named_steps = [step for step in steps if not _is_branch(step)]
    if fault["type"] in _NAMING or not _is_branch(last):
        named_steps.append(last)
    return pointer(named_steps)


def _is_branch(step: Any) -> bool:
    return isinstance(step, str) and _BRANCH.search(step) is not None


def faults_of(refused: ValidationError, *place: str) -> Faults:
    """Return the faults that a validator found below a place of the request.

    A fault costs more to report than to find, so very many faults are reported by their number only.
    """
    count = refused.error_count()
    if count > _MOST_FAULTS:
        return [{"type": "too_many_faults", "loc": place, "msg": f"There are more than {_MOST_FAULTS} faults here"}]
    found = refused.errors(include_url=False, include_input=False, include_context=False)
    return [{**fault, "loc": (*place, *fault["loc"])} for fault in found[:MOST_ERRORS]]


def of_faults(faults: Sequence[Mapping[str, Any]]) -> AppError:
    """Return the problem of a request that the validator refused; repeats none of its values."""
    if any(fault["type"] == "json_invalid" for fault in faults):
        return MalformedBody()
    errors = [
        FieldError(_pointer_of(fault), fault["type"], _REWORDED.get(fault["type"], fault["msg"]))
        for fault in faults[:MOST_ERRORS]
    ]
    return Invalid("Some of what was sent is not valid; see errors.", errors=errors)


def as_app_error(error: Exception) -> AppError:
    """Convert any exception to the `AppError` that the caller gets. No other place converts exceptions."""
    if isinstance(error, AppError):
        return error
    if isinstance(error, RequestValidationError):
        return of_faults(error.errors())
    if isinstance(error, HTTPException):
        return _of_http(error)
    return Internal(INTERNAL_DETAIL)


def _of_http(error: HTTPException) -> AppError:
    """Return an exception of the framework, with its status and headers; its detail may repeat what was sent."""
    status, headers = error.status_code, dict(error.headers or {})
    kind = _OF_STATUS.get(status)
    if kind is not None:
        return kind(headers=headers)
    made = (Internal if status >= 500 else BadRequest)(headers=headers)
    made.__dict__.update(status=status, code=f"http_{status}", title=_phrase(status), detail=_phrase(status))
    return made


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Failure"


def install(app: FastAPI) -> None:
    """Render failures inside the framework like all other failures."""

    async def on_failure(request: Request, error: Exception) -> Response:
        return answer(request.scope, as_app_error(error))

    for kind in (Exception, AppError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, on_failure)


def problems(*kinds: type[AppError]) -> dict[int | str, dict[str, Any]]:
    """Declare a route's own failures in the OpenAPI document, by status, with an example of each kind."""
    declared: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        entry = declared.setdefault(
            kind.status,
            {
                "description": kind.title,
                **({"headers": dict(_HEADERS[kind.status])} if kind.status in _HEADERS else {}),
                "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}},
            },
        )
        if kind.title not in entry["description"]:
            entry["description"] += f"; {kind.title[0].lower()}{kind.title[1:]}"
        entry["content"][MEDIA_TYPE]["examples"][kind.code] = {"$ref": f"#/components/examples/{kind.code}"}
    return declared


def example(kind: type[AppError]) -> dict[str, Any]:
    """Return an example of a failure of this kind."""
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
