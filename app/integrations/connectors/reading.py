"""The base of every source: what a driver provides, and how all of a source is read.

A driver reads pages. The base follows them, bounds them, and checks that they lead somewhere. Nothing is written until
everything was read.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Final, Protocol

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from app.errors import AppError
from app.http.problems import faults_of, of_faults
from app.integrations.connectors.errors import SourceFaulty, SourceTooLarge
from app.integrations.connectors.source_client import SourceClient
from app.people.models import EmploymentStatus
from app.schemas import Day, Email, Name

#: A source is read up to here. What has more is no source of one agency, or lies.
MOST_PEOPLE: Final = 20_000
MOST_PAGES: Final = 2_000
#: Faults of single people that a run keeps. More are only counted.
MOST_ERRORS: Final = 100

Report = Callable[[int], Awaitable[None]]
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]


class SourcePerson(BaseModel):
    """A person as the source knows them, checked as the API checks what it is sent.

    A field that the source does not send stays as it is; None clears it.

    Attributes:
        place: what names the organization: an external id of the connector's source.
        manager: the source's id of the manager.
    """

    model_config = ConfigDict(extra="forbid")

    name: Name
    email: Email | None = None
    employee_number: Name | None = None
    position: Name | None = None
    department: Name | None = None
    status: EmploymentStatus = EmploymentStatus.ACTIVE
    hired_on: Day | None = None
    left_on: Day | None = None
    place: Text | None = None
    manager: Text | None = None


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """What a page says of one person.

    Attributes:
        external_id: the source's id of the person. It never changes there.
        changed_at: when the source changed them last, by its clock.
        fields: those of `SourcePerson`; None: the source has no such person any more, or does not show them.
        refused: why the source does not show the person.
    """

    external_id: str
    changed_at: datetime
    fields: Mapping[str, Any] | None
    refused: AppError | None = None


@dataclass(frozen=True, slots=True)
class SourcePage:
    """A page of a source.

    Attributes:
        cursor: leads to the next page; None: this is the last one.
    """

    records: Sequence[SourceRecord]
    cursor: str | None


class Source(Protocol):
    """What a driver makes of the settings of a connector. It lives for one run."""

    async def read_page(self, client: SourceClient, since: datetime | None, cursor: str | None) -> SourcePage:
        """Read a page of what changed since an instant; None: of everything.

        Raises:
            SourceUnavailable: the source does not serve at present.
            SourceRefusedSecret, SourceFaulty: it never will, as things are.
        """


@dataclass(slots=True)
class Pulled:
    """Everything that a run has read.

    Attributes:
        people: by external id.
        gone: how many people the source has deleted. They stay here.
        watermark: the last change; None: nothing changed.
        errors: faults of single people.
    """

    people: dict[str, SourcePerson] = field(default_factory=dict)
    gone: int = 0
    watermark: datetime | None = None
    errors: list[dict[str, Any]] = field(default_factory=list)
    error_count: int = 0

    def add_error(self, external_id: str, code: str, message: str) -> None:
        """Record the fault of one person and go on. The message repeats nothing that was sent."""
        self.error_count += 1
        if len(self.errors) < MOST_ERRORS:
            self.errors.append({"external_id": external_id[:200], "code": code, "message": message})

    def refuse(self, external_id: str, refused: AppError) -> None:
        """Record that a rule of the service refuses a person."""
        self.add_error(external_id, refused.code, refused.title)


async def read_all(source: Source, client: SourceClient, since: datetime | None, report: Report) -> Pulled:
    """Read all that changed since an instant; None: everything. What comes twice counts as its last change.

    Args:
        report: is called after each page with the number of people so far.

    Raises:
        SourceUnavailable, SourceRefusedSecret, SourceFaulty: see `Source.read_page`.
        SourceTooLarge: there are more people or pages than a run reads.
    """
    records: dict[str, SourceRecord] = {}
    cursor: str | None = None
    seen: set[str] = set()
    for _ in range(MOST_PAGES):
        page = await source.read_page(client, since, cursor)
        for record in page.records:
            known = records.get(record.external_id)
            if known is None or known.changed_at <= record.changed_at:
                records[record.external_id] = record
        await report(len(records))
        if len(records) > MOST_PEOPLE:
            raise too_many_people()
        if page.cursor is None:
            return _check(records.values())
        if page.cursor in seen:
            raise SourceFaulty("The source leads to a page that it led to before.")
        seen.add(page.cursor)
        cursor = page.cursor
    raise SourceTooLarge(f"A run reads {MOST_PAGES} pages at most.")


def too_many_people() -> SourceTooLarge:
    """Return the error of a source that has more people than a run reads."""
    return SourceTooLarge(f"A run reads {MOST_PEOPLE} people at most.")


def _check(records: Iterable[SourceRecord]) -> Pulled:
    pulled = Pulled()
    for record in records:
        pulled.watermark = max(pulled.watermark or record.changed_at, record.changed_at)
        if record.fields is None:
            if record.refused is None:
                pulled.gone += 1
            else:
                pulled.refuse(record.external_id, record.refused)
            continue
        try:
            pulled.people[record.external_id] = SourcePerson.model_validate(record.fields)
        except ValidationError as refused:
            for error in of_faults(faults_of(refused)).errors:
                message = f"{error['pointer'].strip('/') or 'person'}: {error['message']}"
                pulled.add_error(record.external_id, error["code"], message)
    return pulled
