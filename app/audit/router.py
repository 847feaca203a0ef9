"""The routes of the audit trail."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from app.access.policy import require_everywhere
from app.audit import queries
from app.audit.schemas import AuditEventRead, AuditQuery, AuditVerification
from app.db.statement import Reader
from app.events.chain import verify_chain
from app.http.context import ContextDep
from app.http.needs import Needs, needs
from app.http.pagination import page
from app.http.responses import show
from app.schemas import Page

router = APIRouter(prefix="/v1/audit-events", tags=["audit"])


@router.get("", response_model=Page[AuditEventRead])
async def list_audit_events(context: ContextDep, query: Annotated[AuditQuery, Query()]) -> Response:
    """List who changed what, and what was refused.

    Use it to answer who did something, and with `object_id` to read the history of the fields of one thing. Admins get
    the rows of the organizations that they manage. Refusals, and what belongs to no organization, are for admins of the
    whole tenant.

    Votes are not in it: neither that one was cast or refused, nor when or by whom. Long texts are named and not kept.
    Names of people can be erased; the row stays, and says that its values are not kept.
    """
    return await page(context, queries.LIST, query, queries.present, visible=queries.managed_ranges(context.principal))


@router.get("/verify", response_model=AuditVerification)
@needs(Needs(seconds=60.0))
async def verify_audit_events(context: ContextDep) -> Response:
    """Check that the audit trail is as it was written.

    Every sealed row is hashed again, with the row before it, up to the last one. The answer names the first row that
    was changed, removed or inserted since it was sealed; rows are sealed within five seconds. Keep `head` outside of
    the service from time to time: a chain that was written anew as a whole has another one at that place. Rows about
    votes have a separate chain, which operators check on the command line. Only admins of the whole tenant may.
    """
    require_everywhere(context.principal, "verifyAuditEvents")
    reader: Reader = context
    return show(context, queries.present_verification(await verify_chain(reader, context.tenant_id)))
