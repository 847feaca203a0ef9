"""The exports' routes."""

from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.errors import Forbidden, InvalidCursor, NotFound
from app.exports import queries, service
from app.exports.downloading import send_file
from app.exports.errors import (
    ExportNotReady,
    ExportRightsChanged,
    ExportTooLarge,
    InvalidFilters,
    TooManyExports,
    UnknownList,
)
from app.exports.formats import MEDIA_TYPES, ExportFormat
from app.exports.making import exporting
from app.exports.schemas import ExportCreate, ExportListQuery, ExportQuery, ExportRead
from app.exports.streaming import Exports
from app.feed.errors import EventsExpired
from app.files.errors import FileGone
from app.http.context import ContextDep
from app.http.needs import Needs, needs
from app.http.openapi.build import IF_MATCH
from app.http.openapi.headers import refer
from app.http.pagination import page
from app.http.problems import problems
from app.http.responses import show
from app.http.write import write, write_and_read
from app.integrations.errors import RightNotStored
from app.schemas import Page

router = APIRouter(tags=["exports"])

_EXAMPLES: Final = {
    ExportFormat.CSV: "id,name,active\r\n0198c6f0-d4e5-7061-9273-84d5e6f70819,Coach,true\r\n",
    ExportFormat.JSONL: '{"id":"0198c6f0-d4e5-7061-9273-84d5e6f70819","name":"Coach","active":true}\n',
    ExportFormat.XLSX: "(a workbook)",
}
_SENT: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The whole list, as it is read. An answer that is cut off is not whole.",
        "headers": {"Content-Disposition": refer("Content-Disposition")},
        "content": {
            MEDIA_TYPES[one]: {
                "schema": {"type": "string"} | ({"format": "binary"} if one is ExportFormat.XLSX else {}),
                "example": _EXAMPLES[one],
            }
            for one in ExportFormat
        },
    }
}
_REFUSALS = (
    *(UnknownList, InvalidFilters, ExportTooLarge, TooManyExports),
    # What a list may answer.
    *(Forbidden, NotFound, InvalidCursor, EventsExpired),
)


@router.get("/v1/export", response_class=Response, responses={**_SENT, **problems(*_REFUSALS)})
@needs(Needs(streams=True))
async def export_list(context: ContextDep, query: Annotated[ExportQuery, Query()]) -> Response:
    """Export a whole list.

    Use it to take a list into a spreadsheet or another system in one request: send the address of any list of this API
    in `list`, with the filters and the order that the list takes, and get all its items as CSV, JSON Lines or a
    workbook. You get what the list shows you, no more: the same rights, filters and hidden fields. Rights are checked
    again while the export is sent.

    The list is read in parts, each as it is at that moment. In the order by `id` an item that stays is in the export
    once; one that is added or removed meanwhile may be in it or not. In an order by what changes, such as `updated_at`,
    an item that changes meanwhile can be there twice or not at all.

    The answer is a problem if the list refuses, and 422 `unknown_list` if there is no such list. A failure later on
    cuts the answer off, which clients report as an incomplete body. A workbook has at most 50,000 items (422
    `export_too_large`); for a longer one, or for a client that cannot wait, create an export. At most three exports of
    one caller are sent at once (429). Each export is recorded in the audit trail: who, which list, the names of the
    filters, and how many items.
    """
    exports: Exports = context.scope["app"].state.exports
    return await exports.answer(context, query)


@router.get("/v1/exports", response_model=Page[ExportRead])
async def list_exports(context: ContextDep, query: Annotated[ExportListQuery, Query()]) -> Response:
    """List your exports.

    Use it to see which exports are being made, and which can be downloaded. Only exports that your principal created
    are listed, with any of its keys; nobody else sees them. They are listed until they expire, `FA_EXPORT_DAYS` after
    their creation.
    """
    return await page(context, queries.LIST, query, principal_id=context.principal.id)


@router.post("/v1/exports", status_code=201, response_model=ExportRead, responses=problems(*_REFUSALS, RightNotStored))
async def create_export(context: ContextDep, body: ExportCreate) -> Response:
    """Create an export.

    Use it for a long list, or a workbook: a job writes the list into a file, and you download it when `state` is
    `done`. Repeat `GET /v1/exports/{export_id}` until then; `rows` says how far it is. `DELETE` cancels it. It holds
    what the list shows you while it is made; the rules are those of `GET /v1/export`, and a sheet has 1,048,575 items.

    The list is read once now: what it refuses is refused here. Your roles, and the key you call with, are checked
    again before each part and when you download, so they must be granted here and not come from a sign-in (403
    `right_not_stored`). One of your exports is made after the other; the answer is 429 if ten have not finished or
    50 are kept. Who creates an export, and who downloads it, is recorded in the audit trail.
    """
    exports: Exports = context.scope["app"].state.exports
    address = exports.lists.find(body.list, body.source)
    await address.check(context.app_state, context.principal, context.scope["request_id"])
    days = context.app_state.settings.export_days
    kind = exporting(exports.lists)
    return await write_and_read(context, queries.get_export, service.create, body, address, kind, days)


@router.get("/v1/exports/{export_id}", response_model=ExportRead)
async def get_export(context: ContextDep, export_id: UUID) -> Response:
    """Read one export.

    Use it to see how far it is: repeat it with the `ETag` in `If-None-Match` until `state` is `done`, `failed` or
    `canceled`. The answer is 404 if it does not exist, has expired, or another principal created it.
    """
    return show(context, await queries.get_export(context, export_id))


@router.get(
    "/v1/exports/{export_id}/content",
    response_class=Response,
    responses={**_SENT, **problems(ExportNotReady, ExportRightsChanged, FileGone, *_REFUSALS)},
)
@needs(Needs(streams=True))
async def download_export(context: ContextDep, export_id: UUID) -> Response:
    """Download an export.

    Use it when the `state` of the export is `done`; before, the answer is 409. Only the principal that created it may,
    and only while it still has every role with which the export was made and may read the list: otherwise the answer is
    403 `export_rights_changed`, or what the list answers. It is 403 too if an organization has moved away meanwhile to
    where you cannot see it. It can be downloaded again until it expires. An erasure of a
    person deletes all exports of the tenant, because they may name the person. Each download is recorded in the audit
    trail.
    """
    exports: Exports = context.scope["app"].state.exports
    return await send_file(context, exports.lists, export_id)


@router.delete("/v1/exports/{export_id}", status_code=204, response_class=Response, openapi_extra=IF_MATCH)
async def delete_export(context: ContextDep, export_id: UUID) -> Response:
    """Delete an export.

    Its file is deleted with it. An export that is still being made is canceled. Only the principal that created it may;
    to all others it does not exist (404). Send the `ETag` you read in `If-Match`, or `*`.
    """
    return await write(context, service.remove, export_id)
