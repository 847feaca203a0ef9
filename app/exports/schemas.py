"""What goes in and out of the exports' routes."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StringConstraints

from app.exports.formats import ExportFormat
from app.http.pagination import ListQuery
from app.jobs.models import JobState
from app.jobs.schemas import JobFailure
from app.schemas import Body, Instant, Key, Resource

_ADDRESS_DESCRIPTION: Final = (
    "Address of the list with its filters and order, such as `/v1/people?status=active&sort=name`. Any list of this "
    "API; without `limit` and `cursor`."
)
_TERMS: Final[dict[str, Any]] = {"list": "/v1/programs?sort=name", "format": "xlsx", "bom": False, "source": None}
_EXPORT: Final[dict[str, Any]] = {
    "id": "0198c6f0-aaaa-7bbb-8ccc-ddddeeee0004",
    "version": 3,
    "created_at": "2026-10-05T13:00:00Z",
    "updated_at": "2026-10-05T13:00:41Z",
    **_TERMS,
    "columns": ["id", "version", "created_at", "updated_at", "organization_id", "name", "description", "website"],
    "created_by": "0198c6ef-3333-7444-8555-666677778888",
    "job_id": "0198c6f1-d4e5-7f60-8172-93a4b5c6d7e8",
    "state": "done",
    "rows": 412,
    "size": 40961,
    "failure": None,
    "finished_at": "2026-10-05T13:00:41Z",
    "expires_at": "2026-10-12T13:00:00Z",
}
# A field of the models below has the name of the type.
Headers = list[str]
Address = Annotated[str, StringConstraints(max_length=4_000, pattern=r"^/v1/[!-~]+$")]
_FORMAT_DESCRIPTION: Final = (
    "`csv`: a table in UTF-8. `jsonl`: the items of the list, one on a line. `xlsx`: a workbook with one sheet."
)
_SOURCE_DESCRIPTION: Final = (
    "Only for `/v1/people` and `/v1/organizations`: the columns of a roster or a tree of this source, which can be "
    "imported again. What has no external id of the source is left out, and so are the root and people whose details "
    "you may not see."
)
_MARK_DESCRIPTION: Final = "Begin a CSV with a byte order mark, by which Excel recognizes UTF-8."


class ExportQuery(BaseModel):
    """What to export, and how."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    list: Address = Field(description=_ADDRESS_DESCRIPTION)
    format: ExportFormat = Field(default=ExportFormat.CSV, description=_FORMAT_DESCRIPTION)
    bom: bool = Field(default=False, description=_MARK_DESCRIPTION)
    source: Key | None = Field(default=None, description=_SOURCE_DESCRIPTION)


class ExportCreate(Body):
    """What to export, and how."""

    model_config = ConfigDict(json_schema_extra={"examples": [_TERMS]})

    list: Address = Field(description=_ADDRESS_DESCRIPTION)
    format: ExportFormat = Field(default=ExportFormat.CSV, description=_FORMAT_DESCRIPTION)
    bom: StrictBool = Field(default=False, description=_MARK_DESCRIPTION)
    source: Key | None = Field(default=None, description=_SOURCE_DESCRIPTION)


class ExportRead(Resource):
    """A list that is written into a file, and kept for a time."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXPORT]})

    list: str = Field(description="Address of the list with its filters and order.")
    format: ExportFormat = Field(description=_FORMAT_DESCRIPTION)
    bom: bool = Field(description="Whether a CSV begins with a byte order mark.")
    source: str | None = Field(
        description="Items are shown as an import of this source reads them. Null: as the list has them."
    )
    columns: Headers | None = Field(
        description="Headers of the table, in their order. Null: JSON Lines are no table, and an export of an earlier "
        "release does not say."
    )
    created_by: UUID
    """Id of the principal that created it, and alone may read it."""
    job_id: UUID
    """Id of the job that writes the file."""
    state: JobState = Field(description="`waiting`, `running`, `done`: it can be downloaded. `failed`, `canceled`.")
    rows: int = Field(description="How many items were written so far.")
    size: int | None = Field(description="Bytes of the file. Null: it is not whole.")
    failure: JobFailure | None = Field(description="What stopped the last attempt. Null: nothing did.")
    finished_at: datetime | None = Field(description="When the file was whole, in UTC. Null: it is not.")
    expires_at: datetime = Field(description="When it is deleted, in UTC.")


class ExportListQuery(ListQuery):
    """Filters and order of the list of exports."""

    updated_since: Instant | None = Field(default=None, description="Only those changed at this instant or later.")
    sort: Literal["id", "-id", "updated_at", "-updated_at"] = "id"
    """Order of the list; `-` reverses it. Ids are in the order of creation."""
