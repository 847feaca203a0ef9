"""Render a value once, as bytes, with its ETag."""

from fastapi import Response
from pydantic import BaseModel

from app.db.sql_json import Rendered
from app.http.context import RequestContext
from app.http.delivery import REVALIDATED, JSONBytes
from app.http.etags import etag, matches
from app.schemas import Addressable, Resource

JSON = "application/json"


def to_bytes(value: BaseModel) -> bytes:
    """Return a model as UTF-8 JSON."""
    return value.__pydantic_serializer__.to_json(value)


def show(context: RequestContext, value: BaseModel) -> Response:
    """Answer a read: 200 with an ETag where the value has a version, or 304."""
    body = to_bytes(value)
    if not isinstance(value, Resource):
        return JSONBytes(body)
    return tagged(context, body, etag(value.version, body))


def tagged(context: RequestContext, body: bytes, tag: str) -> Response:
    """Answer a read with this tag, or with 304 where the caller has it already."""
    headers = ((b"etag", tag.encode("ascii")), REVALIDATED)
    known = context.header(b"if-none-match")
    if known is not None and matches(known, tag):
        return JSONBytes(b"", headers, status_code=304)
    return JSONBytes(body, headers)


def show_rendered(context: RequestContext, found: Rendered) -> Response:
    """Answer a read that PostgreSQL rendered: 200 with an ETag where it has a version, or 304."""
    if found.version is None:
        return JSONBytes(found.body)
    return tagged(context, found.body, etag(found.version, found.body))


def stored(
    value: BaseModel | Rendered | None, *, status: int, location: str | None = None
) -> tuple[int, bytes, dict[str, str]]:
    """Return the response of a write: status, body and headers."""
    if value is None:
        return 204, b"", {}
    shown = value if isinstance(value, Rendered) else _to_rendered(value)
    headers: dict[str, str] = {"Content-Type": JSON}
    if shown.version is not None:
        headers["ETag"] = etag(shown.version, shown.body)
    if location and shown.id is not None:
        headers["Location"] = f"{location}/{shown.id}"
    return status, shown.body, headers


def _to_rendered(value: BaseModel) -> Rendered:
    return Rendered(
        to_bytes(value),
        version=value.version if isinstance(value, Resource) else None,
        id=value.id if isinstance(value, Addressable) else None,
    )
