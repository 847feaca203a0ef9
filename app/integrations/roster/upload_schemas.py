"""What goes in with the file of a roster or of a tree."""

from typing import Annotated, Final, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from app.integrations.roster.files import FIELDS
from app.integrations.roster.import_service import ImportMode
from app.integrations.roster.organization_rows import ORGANIZATION_FIELDS
from app.schemas import Flag, Key

XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ODS: Final = "application/vnd.oasis.opendocument.spreadsheet"
ZIP: Final = "application/zip"
_FIELDS: Final = {"people": FIELDS, "organizations": ORGANIZATION_FIELDS}
_COLUMN = rf"^({'|'.join(dict.fromkeys((*FIELDS, *ORGANIZATION_FIELDS)))})=[^\x00-\x1f]*\S[^\x00-\x1f]*$"


class RosterImportQuery(BaseModel):
    """How the file is read."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    source: Key = Field(
        description="The system that the file comes from: the source of its external ids.", examples=["hr"]
    )
    kind: Literal["people", "organizations"] = Field(
        default="people", description="What the rows of the file are.", examples=["people"]
    )
    mode: Literal["merge", "replace"] = Field(
        default="merge",
        description="`merge`: people or organizations are added and changed. `replace`: the file is whole; active "
        "people of the source whom it does not name leave, active organizations that it does not name are archived.",
        examples=["merge"],
    )
    organization_id: UUID | None = Field(
        default=None,
        description="The file is about this organization and everything below it: rows name organizations there, and "
        "`replace` ends employments or archives organizations there only. Absent: about the whole tenant.",
    )
    check_only: Flag = Field(
        default=False, description="The job reads and compares the whole file, counts, and changes nothing."
    )
    force: Flag = Field(
        default=False,
        description="Believe a whole file that is empty, has half the rows of the last roster or less, or would end "
        "more than a tenth of the employments or archive more than a tenth of the organizations; and believe rows that "
        "seem to be one person: the same name, and the same e-mail or employee number.",
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
        description="`FIELD=HEADER` for a field of the kind whose column has another header. Repeat it for several. "
        "Kept for the source and the kind. Not with OneRoster, whose columns have fixed names.",
        examples=[["external_id=Employee ID"]],
    )

    @model_validator(mode="after")
    def _of_the_kind(self) -> Self:
        if len(self.columns) < len(self.column or ()):
            raise PydanticCustomError("repeated_field", "A column is named twice for one field")
        if not self.columns.keys() <= set(_FIELDS[self.kind]):
            raise PydanticCustomError("unknown_field", "A column is named for a field that files of this kind lack")
        return self

    @property
    def import_mode(self) -> ImportMode:
        """Return the mode."""
        return ImportMode(self.mode)

    @property
    def columns(self) -> dict[str, str]:
        """Return the header of each field that has another name."""
        pairs = (pair.partition("=") for pair in self.column or ())
        return {field: header.strip() for field, _, header in pairs}
