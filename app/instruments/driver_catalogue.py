"""The schema of the catalogue of implementation drivers."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from app.instruments.parts import (
    Citation,
    Document,
    DocumentKey,
    License,
    LicenseUrl,
    LocaleMap,
    Part,
    Semver,
    Slug,
    refuse_gaps,
    refuse_repeats,
)


class DriverGroup(Part):
    """A family of drivers."""

    key: Slug
    name: LocaleMap
    definition: LocaleMap


class Driver(Part):
    """One implementation driver, the works that describe it and the instruments attached to it."""

    key: Slug
    number: Annotated[int, Field(ge=1, le=100)]
    group: Slug
    name: LocaleMap
    definition: LocaleMap
    citation: Annotated[list[DocumentKey], Field(min_length=1, max_length=50, description="Citation codes.")]
    instruments: Annotated[list[DocumentKey], Field(max_length=100, description="Keys of attached instruments.")]


class DriverCatalogue(Document):
    """The drivers to which instruments can be attached."""

    format: Literal["driver-catalogue/1"]
    key: DocumentKey
    version: Semver
    title: LocaleMap
    description: LocaleMap
    license: License
    license_url: LicenseUrl | None = None
    citation: Annotated[list[Citation], Field(min_length=1, max_length=50)]
    groups: Annotated[list[DriverGroup], Field(min_length=1, max_length=20)]
    drivers: Annotated[list[Driver], Field(min_length=1, max_length=100)]

    @model_validator(mode="after")
    def _refers_to_what_it_holds(self) -> Self:
        refuse_gaps((driver.number for driver in self.drivers), "Driver numbers")
        refuse_repeats((driver.key for driver in self.drivers), "Driver keys")
        refuse_repeats((group.key for group in self.groups), "Group keys")
        refuse_repeats((citation.code for citation in self.citation), "Citation codes")
        groups = {group.key for group in self.groups}
        codes = {citation.code for citation in self.citation}
        if any(driver.group not in groups or not codes.issuperset(driver.citation) for driver in self.drivers):
            raise PydanticCustomError("dangling", "A driver names a group or a citation the catalogue does not hold")
        return self
