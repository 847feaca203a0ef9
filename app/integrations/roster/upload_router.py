"""The routes that import rosters and trees."""

from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.errors import NotFound
from app.files.errors import FileGone, FileTooLarge
from app.http.context import ContextDep
from app.http.needs import LONGEST_SECONDS, BodyKind, Needs, needs
from app.http.openapi.headers import refer
from app.http.problems import problems
from app.integrations.roster.errors import RosterRightNotStored
from app.integrations.roster.files import MOST_BYTES
from app.integrations.roster.upload_schemas import ODS, XLSX, ZIP, RosterImportQuery
from app.integrations.roster.uploads import get_errors, receive_roster
from app.jobs.schemas import JobRead

router = APIRouter(prefix="/v1/roster-imports", tags=["people"])
_EXAMPLE: Final = "external_id,name,organization\n4711,Ann Lee,north-county\n"
_FILE: Final[dict[str, Any]] = {
    "x-created-in": "/v1/jobs",
    "requestBody": {
        "required": True,
        "description": "The file, at most 200 MiB.",
        "content": {
            "text/csv": {"schema": {"type": "string", "format": "binary"}, "example": _EXAMPLE},
            **{
                kind: {"schema": {"type": "string", "format": "binary"}, "example": "The bytes of the workbook"}
                for kind in (XLSX, ODS)
            },
            ZIP: {"schema": {"type": "string", "format": "binary"}, "example": "The bytes of the archive"},
        },
    },
}
_STARTED: Final[dict[int | str, dict[str, Any]]] = {202: {"headers": {"Location": refer("Location")}}}
_REPORT: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The faults, a line each.",
        "headers": {"Content-Disposition": refer("Content-Disposition")},
        "content": {
            "text/csv; charset=utf-8": {
                "schema": {"type": "string"},
                "example": "line,field,code,message\r\n7,organization,unknown_organization,"
                "No organization has this external id or name\r\n",
            }
        },
    }
}


@router.post(
    "",
    status_code=202,
    response_model=JobRead,
    responses={**_STARTED, **problems(FileTooLarge, NotFound, RosterRightNotStored)},
    openapi_extra=_FILE,
)
@needs(Needs(body=BodyKind.STREAM, max_bytes=MOST_BYTES, seconds=LONGEST_SECONDS))
async def import_roster(context: ContextDep, query: Annotated[RosterImportQuery, Query()]) -> Response:
    """Import a roster of people, or a tree of organizations.

    Use it to bring people or organizations in step with an HR system, every night for example: send the file as the
    body, and say with `kind` what its rows are. The answer comes when the file has arrived, with the job that
    imports it; follow the job under its `Location`. The first line of the file, or of the first or the named sheet
    of a workbook (.xlsx or .ods), names the columns. An absent column leaves its field as it is. All rows are
    imported, or none, and the same file again changes nothing. Each person or organization that changes has an
    event and a row in the audit trail. Nothing is deleted.

    People need `external_id`, `name` and `organization` (its external id of the source, or its name); `email`,
    `employee_number`, `position`, `department`, `manager` (an external id), `status`, `hired_on` and `left_on` may
    be there, and a blank cell clears what it is about. Organizations need `external_id`, `name` and `kind`;
    `parent` (an external id, or a name), `timezone`, `staff_count` and `status` may be there. A blank parent is the
    organization that the file is about; its own row must be as it is. The rules are those of an upsert of each row:
    links decide what an integrator may change, and an archived organization takes nothing new.

    A OneRoster 1.1 archive (.zip with `manifest.csv` and `users.csv`) is a roster of people too. Administrators, aides,
    proctors and teachers are imported; all others are left out and counted in the job. A user who is to be deleted or
    not enabled leaves, and is not added. An archive of changes (delta) cannot replace.

    You need the role on the organization that the file is about, and on the root without `organization_id`, both
    now and when the job runs; `replace` of organizations archives, so it needs the role of an admin. The job fails
    with `roster_unreadable` if this is no such file, with `roster_refused` if rows are wrong (the job has the first
    100 faults, and its errors as CSV up to 10,000), and with `roster_suspicious` if a whole file would end too many
    employments or archive too many organizations. Imports of one source run one after the other, and a tree is
    changed by one of them at a time. Send an `Idempotency-Key` to repeat the upload safely; a job that its process
    could not finish runs again by itself, with the same result.
    """
    return await receive_roster(context, query)


@router.get("/{job_id}/errors", response_class=Response, responses={**_REPORT, **problems(FileGone)})
async def get_roster_errors(context: ContextDep, job_id: UUID) -> Response:
    """Download the faults of an import's rows.

    Use it after an import failed with `roster_refused`: line, field, code and explanation of up to 10,000 faults as
    CSV, sorted by line. It repeats no value of the file. It is kept as long as the job; the answer is 410 after that,
    and 404 if there is no such import or it is not visible to you. Without faults it has the header only.
    """
    return await get_errors(context, job_id)
