"""What goes in and out of the exports' routes."""

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.exports.formats import ExportFormat

_ADDRESS_DESCRIPTION: Final = (
    "Address of the list with its filters and order, such as `/v1/people?status=active&sort=name`. Any list of this "
    "API; without `limit` and `cursor`."
)
Address = Annotated[str, StringConstraints(max_length=4_000, pattern=r"^/v1/[!-~]+$")]
_FORMAT_DESCRIPTION: Final = (
    "`csv`: a table in UTF-8. `jsonl`: the items of the list, one on a line. `xlsx`: a workbook with one sheet."
)
_MARK_DESCRIPTION: Final = "Begin a CSV with a byte order mark, by which Excel recognizes UTF-8."


class ExportQuery(BaseModel):
    """What to export, and how."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    list: Address = Field(description=_ADDRESS_DESCRIPTION)
    format: ExportFormat = Field(default=ExportFormat.CSV, description=_FORMAT_DESCRIPTION)
    bom: bool = Field(default=False, description=_MARK_DESCRIPTION)
