"""The exports' routes."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response

from app.errors import Forbidden, InvalidCursor, NotFound
from app.exports.errors import ExportTooLarge, InvalidFilters, TooManyExports, UnknownList
from app.exports.formats import MEDIA_TYPES, ExportFormat
from app.exports.schemas import ExportQuery
from app.exports.streaming import Exports
from app.feed.errors import EventsExpired
from app.http.context import ContextDep
from app.http.needs import Needs, needs
from app.http.openapi.headers import refer
from app.http.problems import problems

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
    `export_too_large`). At most three exports of one caller are sent at once (429). Each export is
    recorded in the audit trail: who, which list, the names of the filters, and how many items.
    """
    exports: Exports = context.scope["app"].state.exports
    return await exports.answer(context, query)
