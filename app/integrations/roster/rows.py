"""The rows of a roster, checked as the API checks what it is sent."""

from datetime import date
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from app.errors import FieldError
from app.http.problems import faults_of, of_faults
from app.integrations.roster.files import Cells, Fault
from app.people.models import EmploymentStatus
from app.schemas import Day, Email, Name

Row = TypeVar("Row", bound=BaseModel)


def as_word(value: Any) -> Any:
    """Return a word of a list of choices, as people type it, in the form of the API."""
    return "_".join(value.lower().split()) if isinstance(value, str) else value


class RosterRow(BaseModel):
    """One person of a roster. A blank cell clears what the file could say; an absent column says nothing."""

    model_config = ConfigDict(extra="forbid")

    external_id: Name
    name: Name
    organization: Name
    email: Email | None = None
    employee_number: Name | None = None
    position: Name | None = None
    department: Name | None = None
    manager: Name | None = None
    status: Annotated[EmploymentStatus, BeforeValidator(as_word)] = EmploymentStatus.ACTIVE
    hired_on: Day | None = None
    left_on: Day | None = None

    @field_validator("left_on")
    @classmethod
    def _in_order(cls, left_on: date | None, info: ValidationInfo) -> date | None:
        hired_on = info.data.get("hired_on")
        if left_on is not None and hired_on is not None and left_on < hired_on:
            raise PydanticCustomError("left_before_hired", "A person cannot leave before they are hired")
        return left_on


def too_many_cells(line: int) -> Fault:
    """Return the fault of a row that is longer than the header."""
    return Fault(line, None, "too_many_cells", "The row has more cells than the header")


def check_row(cells: Cells) -> RosterRow | list[Fault]:
    """Return the person that some cells hold, or what is wrong with them."""
    return check_cells(cells, RosterRow)


def check_cells(cells: Cells, model: type[Row]) -> Row | list[Fault]:
    """Return the row that some cells hold, or what is wrong with them."""
    if cells.values is None:
        return [too_many_cells(cells.line)]
    # A blank cell of a field that must be there is missing; any other one is nothing.
    sent = {field: value for field, value in cells.values.items() if value}
    try:
        return model.model_validate(sent)
    except ValidationError as refused:
        errors = of_faults(faults_of(refused)).errors
        return [
            Fault(cells.line, error["pointer"].strip("/") or None, error["code"], _explain(error)) for error in errors
        ]


def _explain(error: FieldError) -> str:
    """Return the explanation of a fault. Who reads a report of rows is no programmer, and gets no pattern."""
    if error["code"] != "string_pattern_mismatch":
        return error["message"]
    if error["pointer"] == "/email":
        return "This is not an e-mail address, such as ann.lee@agency.example"
    return "The value does not have the form of this field"
