"""The response headers of the document, each described once, as they are sent."""

from typing import Any, Final

_TRUE = {"type": "string", "const": "true"}

HEADERS: Final[dict[str, dict[str, Any]]] = {
    "Content-Disposition": {
        "description": "The name under which a browser stores the answer.",
        "schema": {"type": "string"},
        "example": 'attachment; filename="people-2026-10-05.csv"',
    },
    "Dry-Run": {"description": "`true`: nothing was changed, because `dry_run` was asked for.", "schema": _TRUE},
    "ETag": {
        "description": "Strong. The version of the resource, a dot, and a hash of what else the body depends on.",
        "required": True,
        "schema": {"type": "string", "pattern": '^"[0-9]+\\.[0-9a-f]+"$'},
        "example": '"3.5f0c2a9b41de"',
    },
    "PresentETag": {
        "description": "The present ETag; absent where there is nothing yet.",
        "schema": {"type": "string", "pattern": '^"[0-9]+\\.[0-9a-f]+"$'},
        "example": '"4.0"',
    },
    "WrittenETag": {
        "description": "The ETag of the resource as it is now; absent from a dry run.",
        "schema": {"type": "string", "pattern": '^"[0-9]+\\.[0-9a-f]+"$'},
        "example": '"4.0"',
    },
    "Idempotency-Replayed": {
        "description": "`true`: the same request was answered before, and this is that answer.",
        "schema": _TRUE,
    },
    "Link": {
        "description": 'The next page, `rel="next"` (RFC 8288); absent on the last page.',
        "schema": {"type": "string"},
        "example": '</v1/people?cursor=q1Yq2kPz0b7Hn3vXw8sTRA>; rel="next"',
    },
    "Location": {
        "description": "Path of the new resource; absent from a dry run.",
        "schema": {"type": "string", "format": "uri-reference"},
        "example": "/v1/people/0198c6f0-7a8b-7c9d-8e0f-1a2b3c4d5e6f",
    },
    "RateLimit": {
        "description": "What is left: `r` requests, and `t` seconds until the quota is whole again. Absent where "
        "there is no limit.",
        "schema": {"type": "string"},
        "example": '"principal";r=29999;t=1',
    },
    "RateLimit-Policy": {
        "description": "The quotas: `q` requests in `w` seconds. Absent where there is no limit.",
        "schema": {"type": "string"},
        "example": '"principal";q=30000;w=60, "address";q=60000;w=60',
    },
    "Retry-After": {
        "description": "Seconds to wait before the next attempt.",
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
        "example": "1",
    },
    "WWW-Authenticate": {
        "description": "The scheme that is accepted: `Bearer`.",
        "schema": {"type": "string"},
        "example": "Bearer",
    },
    "X-Request-Id": {
        "description": "Names this request in the log: the caller's own id where it sent one, or a new one.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,100}$"},
        "example": "0198c6f0a1b27d3e",
    },
}


def refer(name: str) -> dict[str, str]:
    """Refer to a header by its name."""
    return {"$ref": f"#/components/headers/{name}"}
