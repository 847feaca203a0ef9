"""Lists over HTTP: typed filters, bound cursors, the Link header."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import date, datetime
from enum import Enum
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.db.listing import Listing
from app.db.reads import Row
from app.errors import InvalidCursor
from app.http.calls import Call, query_pairs
from app.http.respond import JSON, to_bytes

_SIGNATURE = 16
_Cursor = Annotated[str, StringConstraints(max_length=4000)]


class ListQuery(BaseModel):
    """What every list takes."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=50, ge=1, le=200, description="The most items of a page.")
    cursor: _Cursor | None = Field(
        default=None, description="`next_cursor` of the page before; bound to the same filters and order."
    )

    def filters(self) -> dict[str, Any]:
        """The filters in use, by name."""
        return {name: value for name, value in self if value is not None and name not in {"limit", "cursor", "sort"}}

    def order(self) -> tuple[str, bool]:
        """The order in use: its name, and whether it descends."""
        sort = str(getattr(self, "sort", None) or "id")
        return sort.removeprefix("-"), sort.startswith("-")


def _plain(value: Any) -> Any:
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return value


def _sign(call: Call, bound: Any, payload: bytes) -> bytes:
    message = json.dumps(bound, sort_keys=True).encode() + b"\0" + payload
    key = hmac.digest(call.principal.tenant_secret, b"cursor", hashlib.sha256)
    return hmac.digest(key, message, hashlib.sha256)[:_SIGNATURE]


def _seal(call: Call, bound: Any, place: list[Any]) -> str:
    payload = json.dumps(place, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_sign(call, bound, payload) + payload).decode().rstrip("=")


def _open(call: Call, bound: Any, cursor: str) -> list[Any]:
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise InvalidCursor from None
    signature, payload = raw[:_SIGNATURE], raw[_SIGNATURE:]
    if not hmac.compare_digest(signature, _sign(call, bound, payload)):
        raise InvalidCursor("Use a cursor only with the list, filters and order it came from.")
    place: list[Any] = json.loads(payload)
    return place


_FROM_TEXT: dict[type, Callable[[str], Any]] = {
    UUID: UUID,
    date: date.fromisoformat,
    datetime: datetime.fromisoformat,
}


async def page(
    call: Call,
    listing: Listing,
    query: ListQuery,
    item: Callable[[Row], BaseModel | bytes],
    *,
    scopes: dict[str, Any] | None = None,
    **values: Any,
) -> Response:
    """Answer one page of a list.

    Args:
        item: makes one item of one row, as a model or as its JSON.
        scopes: the parameters of the caller's subtrees, two a subtree; none: all of the tenant.
        values: further parameters of the statement; they bind the cursor too.
    """
    filters = query.filters()
    order, descending = query.order()
    fixed = {name: _plain(value) for name, value in values.items() if name != "now"}
    bound = [listing.name, {k: _plain(v) for k, v in filters.items()}, order, descending, fixed]
    parameters: dict[str, Any] = {
        **{name: _argument(value) for name, value in filters.items()},
        **values,
        **(scopes or {}),
        "tenant_id": call.tenant_id,
        "row_limit": query.limit + 1,
    }
    if query.cursor is not None:
        value, key = _open(call, bound, query.cursor)
        kind = listing.orders[order].type.python_type
        parameters["after_value"] = _FROM_TEXT.get(kind, kind)(value)
        parameters["after_id"] = UUID(key)
    read = listing.read(
        filters=filters,
        order=order,
        descending=descending,
        after=query.cursor is not None,
        scopes=len(scopes or {}) // 2,
    )
    rows = await call.fetch(read, **parameters)
    following = None
    if len(rows) > query.limit:
        rows = rows[: query.limit]
        following = _seal(call, bound, [_plain(rows[-1]["order_value"]), str(rows[-1]["id"])])
    return _answer(call, [_rendered(item(row)) for row in rows], following)


def _rendered(item: BaseModel | bytes) -> bytes:
    return item if type(item) is bytes else to_bytes(item)  # type: ignore[arg-type]


def _argument(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, list):
        return [_argument(part) for part in value]
    return value


def _answer(call: Call, items: list[bytes], following: str | None) -> Response:
    token = f'"{following}"'.encode() if following else b"null"
    body = b'{"items":[' + b",".join(items) + b'],"next_cursor":' + token + b"}"
    headers = {}
    if following:
        kept = [(k, v) for k, v in query_pairs(call.scope) if k != "cursor"]
        headers["Link"] = f'<{call.scope["path"]}?{urlencode([*kept, ("cursor", following)])}>; rel="next"'
    return Response(body, media_type=JSON, headers=headers)
