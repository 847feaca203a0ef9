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


def show(context: RequestContext, value: BaseModel | Rendered) -> Response:
    """Answer a read: 200 with an ETag where the value has a version, or 304."""
    shown = to_rendered(value)
    if shown.version is None:
        return JSONBytes(shown.body)
    return tagged(context, shown.body, etag(shown.version, shown.body))


def tagged(context: RequestContext, body: bytes, tag: str) -> Response:
    """Answer a read with a body and its ETag, or with 304 if the caller already has this ETag."""
    headers = ((b"etag", tag.encode("ascii")), REVALIDATED)
    known = context.header(b"if-none-match")
    if known is not None and matches(known, tag):
        return JSONBytes(b"", headers, status_code=304)
    return JSONBytes(body, headers)


def to_rendered(value: BaseModel | Rendered) -> Rendered:
    """Return a model in the form in which PostgreSQL renders rows: the JSON, the version and the id."""
    if isinstance(value, Rendered):
        return value
    return Rendered(
        to_bytes(value),
        version=value.version if isinstance(value, Resource) else None,
        id=value.id if isinstance(value, Addressable) else None,
    )
