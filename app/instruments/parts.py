"""Parts of instrument, driver and profile documents: localized text, codes, versions and citations."""

from collections.abc import Iterable
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

from app.schemas import Name, Prose

Value = TypeVar("Value")

Locale = Annotated[
    str,
    StringConstraints(
        max_length=35,
        pattern=r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?(-([a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*$",
    ),
]
Semver = Annotated[
    str,
    StringConstraints(pattern=r"^(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})$"),
]
DocumentKey = Annotated[str, StringConstraints(max_length=100, pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$")]
Slug = Annotated[str, StringConstraints(max_length=100, pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$")]
PracticeCode = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9]{0,15}$")]
PartCode = Annotated[str, StringConstraints(max_length=60, pattern=r"^[A-Z][A-Z0-9]{0,15}\.[a-z0-9]+\.[a-z0-9]+$")]
Level = Annotated[int, Field(ge=0, le=2)]
License = Name
LicenseUrl = Annotated[str, StringConstraints(max_length=500, pattern=r"^https://[!-~]+$")]


def _has_english(value: dict[str, str]) -> dict[str, str]:
    if "en" not in value:
        raise PydanticCustomError("english_missing", "A localized text needs its English version under 'en'")
    return value


# Named, and so one schema of the OpenAPI document: inline ones made generated clients name two classes alike.
LocaleMap = TypeAliasType(
    "LocaleMap",
    Annotated[
        dict[Locale, Prose],
        Field(
            min_length=1,
            max_length=100,
            description="One text in every language it has been written in, by BCP 47 tag in canonical case; "
            "English always.",
        ),
        AfterValidator(_has_english),
    ],
)


def _an_integer(value: Any) -> Any:
    if type(value) is not int:
        raise PydanticCustomError("int_type", "Input should be a valid integer")
    return value


#: For use with a literal number: even a strict `Literal[1]` takes true and 1.0 for 1, which in a document are mistakes.
AN_INTEGER = BeforeValidator(_an_integer)


class Part(BaseModel):
    """A piece of a document: nothing unknown, nothing coerced, nothing changed afterwards."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)


class Document(Part):
    """A whole document: what is stored and hashed is `as_document()`, never what a caller sent."""

    def as_document(self) -> dict[str, Any]:
        """Return the document as JSON-like data, with absent options left out; validating it again gives the same."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class Citation(Part):
    """A work the document rests on."""

    code: DocumentKey
    """Stable code of the work, unique in the document."""
    reference: LocaleMap = Field(description="The full reference.")


def refuse_repeats(values: Iterable[Value], what: str) -> None:
    """Refuse a value that occurs twice; `what` names it in the message."""
    seen: set[Value] = set()
    for value in values:
        if value in seen:
            raise PydanticCustomError("repeated", "{what} must differ", {"what": what})
        seen.add(value)


def refuse_gaps(numbers: Iterable[int], what: str) -> None:
    """Refuse numbers that do not run 1, 2, 3 … in order; `what` names them in the message."""
    if any(number != place for place, number in enumerate(numbers, 1)):
        raise PydanticCustomError("not_consecutive", "{what} must run from 1 in order", {"what": what})
