"""Failures below `/scim/v2` in the form that SCIM clients read (RFC 7644, 3.12)."""

import json
from typing import Any, Final

from fastapi import Response

from app.errors import AppError, Conflict, Invalid, MalformedBody, PreconditionRequired, Unauthorized

MEDIA_TYPE: Final = "application/scim+json"
_SCHEMA: Final = "urn:ietf:params:scim:api:messages:2.0:Error"


def is_scim(path: str) -> bool:
    """Return whether a path belongs to SCIM."""
    return path.startswith("/scim/")


def render(error: AppError) -> Response:
    """Render an error as SCIM does. It never repeats what was sent."""
    status, scim_type, detail = error.status, error.extra.get("scim_type"), error.detail
    if isinstance(error, MalformedBody):
        scim_type = "invalidSyntax"
    elif isinstance(error, Invalid):
        # SCIM knows no 422.
        status, scim_type = 400, "invalidValue"
    elif isinstance(error, PreconditionRequired):
        status = 412
    elif isinstance(error, Conflict) and error.code == "conflict":
        scim_type = "uniqueness"
    elif type(error) is Unauthorized:
        # The general text names keys that open nothing here. The subclasses say what is wrong with a known token.
        detail = "Send a SCIM token as Authorization: Bearer."
    body: dict[str, Any] = {"schemas": [_SCHEMA], "status": str(status), "detail": detail}
    if scim_type is not None:
        body["scimType"] = scim_type
    headers = {name: value for name, value in error.headers.items() if name != "ETag"}
    return Response(json.dumps(body).encode("ascii"), status_code=status, media_type=MEDIA_TYPE, headers=headers)
