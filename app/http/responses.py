"""Rendering a value once, as bytes, with its ETag."""

from fastapi import Response
from pydantic import BaseModel

from app.http.context import RequestContext
from app.http.etags import etag, matches
from app.http.hot import JSONBytes
from app.schemas import Addressable, Resource

JSON = "application/json"


def to_bytes(value: BaseModel) -> bytes:
    """A model as UTF-8 JSON."""
    return value.__pydantic_serializer__.to_json(value)


def show(context: RequestContext, value: BaseModel) -> Response:
    """Answer a read: 200 with an ETag where the value has a version, or 304."""
    body = to_bytes(value)
    if not isinstance(value, Resource):
        return JSONBytes(body)
    return tagged(context, body, etag(value.version, body))


def tagged(context: RequestContext, body: bytes, tag: str) -> Response:
    """Answer a read with a tag of its own making, or 304 where the caller has it already."""
    headers = ((b"etag", tag.encode("ascii")),)
    known = context.header(b"if-none-match")
    if known is not None and matches(known, tag):
        return JSONBytes(b"", headers, status_code=304)
    return JSONBytes(body, headers)


def stored(value: BaseModel | None, *, status: int, location: str | None = None) -> tuple[int, bytes, dict[str, str]]:
    """What a write answers: status, body, headers."""
    if value is None:
        return 204, b"", {}
    body = to_bytes(value)
    headers: dict[str, str] = {"Content-Type": JSON}
    if isinstance(value, Resource):
        headers["ETag"] = etag(value.version, body)
    if location and isinstance(value, Addressable):
        headers["Location"] = f"{location}/{value.id}"
    return status, body, headers
