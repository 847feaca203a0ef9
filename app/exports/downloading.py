"""Send the file of an export to the principal that created it, while it still has the rights."""

from uuid import UUID

from fastapi import Response
from fastapi.responses import StreamingResponse

from app.exports.errors import ExportNotReady, ExportRightsChanged
from app.exports.formats import ExportFormat
from app.exports.lists import ListRoutes
from app.exports.queries import get_terms, has_lost_sight
from app.exports.recording import describe, record_export
from app.exports.service import roles_of
from app.exports.streaming import headers_of
from app.files.storage import find_file, read_file
from app.http.context import RequestContext


async def send_file(context: RequestContext, lists: ListRoutes, export_id: UUID) -> Response:
    """Answer with the file of an export.

    Raises:
        NotFound: It does not exist, or another principal created it.
        ExportNotReady: the file is not whole.
        ExportRightsChanged: the caller has lost a role with which it was made, or cannot see an organization any more.
        FileGone: the file was deleted.
        AppError: what the list answers to the caller now.
    """
    terms = await get_terms(context, export_id)
    if terms["file_id"] is None:
        raise ExportNotReady("Read the export to see how far it is.")
    if not set(terms["roles"] or ()) <= roles_of(context.principal):
        raise ExportRightsChanged("Create the export again, with the roles that you have now.")
    if await has_lost_sight(context, terms["created_at"]):
        raise ExportRightsChanged("An organization has moved to where you cannot see it. Create the export again.")
    address = lists.find(terms["list"], terms["source"])
    await address.check(context.app_state, context.principal, context.scope["request_id"])
    database, export_format = context.app_state.database, ExportFormat(terms["format"])
    file = await find_file(database, context.tenant_id, terms["file_id"], context.now)
    headers = {**headers_of(address, export_format, context.now), "Content-Length": str(file.size)}
    if context.scope["method"] == "HEAD":
        return Response(headers=headers)
    await record_export(context, "export.downloaded", export_id, describe(address, export_format.value))
    return StreamingResponse(read_file(database, context.tenant_id, file), headers=headers)
