"""The route that merges people."""

from uuid import UUID

from fastapi import APIRouter, Response

from app.access.last_admin import LastAdmin
from app.accounts.errors import BeyondOwnRights, PersonHasPrincipal, UnknownPerson
from app.http.context import ContextDep
from app.http.openapi.build import IF_MATCH
from app.http.problems import problems
from app.http.write import write_and_read
from app.integrations.roster import service
from app.integrations.roster.errors import BothOnItem, BothSeated, SamePerson, StillSignsIn
from app.integrations.roster.schemas import PersonMerge
from app.people import queries
from app.people.errors import ManagerCycle, PersonErased, PersonMerged
from app.people.schemas import PersonRead

router = APIRouter(prefix="/v1/people", tags=["people"])


@router.post(
    "/{person_id}/merge",
    response_model=PersonRead,
    responses=problems(
        BeyondOwnRights,
        BothOnItem,
        BothSeated,
        LastAdmin,
        ManagerCycle,
        PersonErased,
        PersonHasPrincipal,
        PersonMerged,
        SamePerson,
        StillSignsIn,
        UnknownPerson,
    ),
    openapi_extra=IF_MATCH,
)
async def merge_people(context: ContextDep, person_id: UUID, body: PersonMerge) -> Response:
    """Merge another record of the same person into this one.

    Use it when two records turn out to be one person. The external ids, seats, action items, principal, employments
    and managed people of the other record become this one's, in one transaction; so do the keys that the other record
    made, unless it has left: those stay refused. The other record stays, inactive and
    without details, and names this one as `merged_into_id`; it can no longer be changed. Fields of this one stay as
    they are. You need the role at both organizations; for a principal you must be allowed to give it to the person;
    and where the other person has a seat that nobody has claimed, in an assessment that has not ended, you must be
    allowed to change seats there, because this person may then claim it by signing in. Nobody merges their own record
    (403). Former employments can still be read at the other record too. The answer is 409 if both hold a seat in one
    assessment, if one verified what the other had done, if the last admin of the tenant would become a person who has
    left, if both have a principal, if the other person signs in, or if
    one was merged or erased before; and 422 if the other manages this one. A merge cannot be undone.
    """
    return await write_and_read(context, queries.get_person, service.merge, person_id, body)
