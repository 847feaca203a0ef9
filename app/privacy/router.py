"""The routes of a person's rights over what is stored of them."""

from uuid import UUID

from fastapi import APIRouter, Response

from app.accounts.errors import LastAdmin
from app.http.context import ContextDep
from app.http.needs import Needs, needs
from app.http.problems import problems
from app.http.write import write_and_read
from app.people.queries import get_person
from app.people.schemas import PersonRead
from app.privacy import service

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
    names in histories and notes, names and addresses in the audit trail, and stored answers. What is left is a
    placeholder with `erased_at`, which action items, seats and histories go on naming by its id. Votes and scores stay
    as they are, a seat in a sealed round still counts, and the audit trail stays verifiable. The answer is 409
    `last_admin` if the tenant would be left without an admin: make another one first.

    Texts that people wrote freely cannot be searched for a person and stay: comments, notes, reasons, titles and
    descriptions of action items, labels of seats that do not name the person. The account at your issuer of sign-ins
    is not touched: end it there, because a token of an unknown person has the default role, if there is one.
    """
    longest = max(_SECONDS, context.app_state.settings.request_seconds)
    return await write_and_read(context, get_person, service.erase, person_id, longest)
