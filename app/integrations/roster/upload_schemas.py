"""What goes in with the file of a roster."""

from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.integrations.roster.files import FIELDS
from app.integrations.roster.import_service import ImportMode
from app.schemas import Flag, Key

XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ODS: Final = "application/vnd.oasis.opendocument.spreadsheet"
_COLUMN = rf"^({'|'.join(FIELDS)})=[^\x00-\x1f]*\S[^\x00-\x1f]*$"


class RosterImportQuery(BaseModel):
    """How the file is read."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    source: Key = Field(
        description="The system that the file comes from: the source of its external ids.", examples=["hr"]
    )
    mode: Literal["merge", "replace"] = Field(
        default="merge",
        description="`merge`: people are added and changed. `replace`: the file is whole, and active people of the "
        "source whom it does not name leave.",
        examples=["merge"],
    )
    organization_id: UUID | None = Field(
        default=None,
        description="The file is about this organization and everything below it: rows name organizations there, and "
        "`replace` ends employments there only. Absent: about the whole tenant.",
    )
    check_only: Flag = Field(
        default=False, description="The job reads and compares the whole file, counts, and changes nothing."
    )
    force: Flag = Field(
        default=False,
        description="Believe a whole file that is empty, has half the rows of the last one or less, or would end more "
        "than a tenth of the employments.",
    )
    sheet: str | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        pattern=r"^[^\x00-\x1f]+$",
        description="The sheet of a workbook. Absent: the first one.",
        examples=["Staff"],
    )
    column: list[Annotated[str, StringConstraints(max_length=220, pattern=_COLUMN)]] | None = Field(
        default=None,
        max_length=len(FIELDS),
        description="`FIELD=HEADER` for a field whose column has another header. Repeat it for several. Kept for the "
        "source.",
        examples=[["external_id=Employee ID"]],
    )

    @property
    def import_mode(self) -> ImportMode:
        """Return the mode."""
        return ImportMode(self.mode)

    @property
    def columns(self) -> dict[str, str]:
        """Return the header of each field that has another name."""
        pairs = (pair.partition("=") for pair in self.column or ())
        return {field: header.strip() for field, _, header in pairs}
