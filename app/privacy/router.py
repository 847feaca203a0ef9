"""The routes of a person's rights over what is stored of them."""

from uuid import UUID

from fastapi import APIRouter, Response

from app.access.last_admin import LastAdmin
from app.http.context import ContextDep
from app.http.needs import LONGEST_SECONDS, Needs, needs
from app.http.problems import problems
from app.http.responses import show
from app.http.write import write_and_read
from app.people.queries import get_person
from app.people.schemas import PersonRead
from app.privacy import queries, service
from app.privacy.schemas import PersonExport

_SECONDS = 60.0

router = APIRouter(prefix="/v1/people/{person_id}", tags=["people"])


@router.post("/erasure", response_model=PersonRead, responses=problems(LastAdmin))
@needs(Needs(seconds=_SECONDS))
async def erase_person(context: ContextDep, person_id: UUID) -> Response:
    """Erase a person: everything that says who it is goes, and cannot be brought back.

    Use it when a person asks to be erased. Only an admin of the whole tenant may, and the person must be visible to
    you (404). Records that were merged are erased together. No `If-Match` is needed, and a repetition changes nothing
    and answers the same.

    The person loses all access at once, within a second in every process: sign-ins, API keys, roles and seats that
    they hold. The name and all other fields that identify the person are emptied, and so are labels of their seats,
    names in histories and notes, names and addresses in the audit trail, and stored answers. Stored files that may
    name people are deleted. What is left is a placeholder with `erased_at`, which action items, seats and histories go
    on naming by its id. Votes and scores stay as they are, a seat in a sealed round still counts, and the audit trail
    stays verifiable. The answer is 409 `last_admin` if the tenant would be left without an admin: make another one
    first.

    Texts that people wrote freely cannot be searched for a person and stay: comments, notes, reasons, titles and
    descriptions of action items, labels of seats that do not name the person. The account at your issuer of sign-ins
    is not touched: end it there, because a token of an unknown person has the default role, if there is one.
    """
    longest = max(LONGEST_SECONDS, context.app_state.settings.request_seconds)
    return await write_and_read(context, get_person, service.erase, person_id, longest)


@router.get("/export", response_model=PersonExport)
@needs(Needs(seconds=_SECONDS))
async def export_person(context: ContextDep, person_id: UUID) -> Response:
    """Export what is stored of a person, as one document.

    Use it when a person asks for a copy of their data. Admins of the whole tenant may, and so may the person, signed in
    with a sign-in that is linked to the record. An API key of the person may not, unless it has the role. What an admin
    exports includes records that were merged with the person's and the audit trail; both are left out for others.

    The document is of one instant. Each list has the newest 1,000 rows and says whether there are more: read those at
    their own routes. Of an erased person it has the placeholder and what still refers to it.

    Votes and their comments are in it for nobody, nor whether there are any: the holder of a seat reads them with
    `GET /v1/assessments/{assessment_id}/votes`. Secrets and their hashes are left out, and so are stored answers, jobs
    and webhooks. The export itself is not recorded in the audit trail, because it changes nothing.
    """
    return show(context, await queries.export_person(context, person_id))
