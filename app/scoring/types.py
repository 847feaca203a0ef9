"""The vocabulary of the scoring specification: votes, stages, perspectives, practices, seats and consensus."""

from typing import Final, Literal, NamedTuple

from msgspec import Struct
from msgspec.structs import force_setattr

SPEC: Final = "fa9/1"
STAGES: Final = ("exploration", "installation", "initial_implementation", "full_implementation")
PERSPECTIVES: Final = (
    "executive",
    "manager",
    "supervisor",
    "practitioner",
    "hr",
    "finance",
    "service_user",
    "other",
)

#: A vote is a level from 0 to 2 or one of these. All are small integers, so that a `bytes` object holds the votes of
#: all seats on a practice and counts them fast.
HIGHEST_LEVEL: Final = 2
DONT_KNOW: Final = 3
NOT_APPLICABLE: Final = 4
NO_VOTE: Final = 5
#: The same votes as they appear in JSON, by their number. `NO_VOTE` is null.
WIRE_VOTES: Final[tuple[int | str | None, ...]] = (0, 1, 2, "dont_know", "not_applicable", None)
_FROM_WIRE: Final[dict[int | str, int]] = {vote: code for code, vote in enumerate(WIRE_VOTES) if vote is not None}

Level = Literal[0, 1, 2]
#: The score of a practice: a level, `None` while unscored, `NOT_APPLICABLE` where the practice does not apply.
Score = int | None
Status = Literal["scored", "not_applicable", "unscored"]
Source = Literal["consensus", "unanimous", "provisional"]


def parse_vote(value: int | str) -> int:
    """Convert a vote from its form in JSON.

    Args:
        value: 0, 1, 2, "dont_know" or "not_applicable".
    Returns:
        0, 1, 2, `DONT_KNOW` or `NOT_APPLICABLE`.
    Raises:
        ValueError: any other value, True and 1.0 included.
    """
    if type(value) in {int, str} and value in _FROM_WIRE:
        return _FROM_WIRE[value]
    raise ValueError("a vote must be 0, 1, 2, dont_know or not_applicable")


class Practice(NamedTuple):
    """One practice of an instrument.

    Attributes:
        number: orders the practices.
        signal_metrics: the keys of the metrics that count for its signal.
    """

    code: str
    number: int
    title: str | None = None
    signal_metrics: tuple[str, ...] = ()


class Seat(NamedTuple):
    """One respondent's seat in an assessment, with the perspective it was invited for."""

    id: str
    perspective: str | None = None


class Consensus(NamedTuple):
    """A recorded consensus: a level or `NOT_APPLICABLE`, and the note that goes with it."""

    value: int
    note: str | None = None

    @property
    def has_note(self) -> bool:
        """Whether the note holds any text."""
        return self.note is not None and bool(self.note.strip())


class Subject(NamedTuple):
    """Ids and names of what a result is about. All are None if the result is computed from a request."""

    assessment_id: str | None = None
    assessment_title: str | None = None
    organization_id: str | None = None
    organization_name: str | None = None
    program_id: str | None = None
    program_name: str | None = None


class Finding(Struct, frozen=True, gc=False):
    """A machine-readable reason, and the codes of the practices it is about; none if it is about the assessment."""

    reason: str
    practices: tuple[str, ...] = ()


class Instrument(Struct, frozen=True, gc=False):
    """The frozen instrument version of an assessment.

    Args:
        key: stable key of the instrument.
        version: semantic version.
        content_hash: SHA-256 of its canonical document, 64 hexadecimal digits.
        practices: at least one, with distinct codes and numbers; sorted by number on construction.
    Raises:
        ValueError: there is no practice, a number is not an integer, or a code or number occurs twice.
    """

    key: str
    version: str
    content_hash: str
    practices: tuple[Practice, ...]

    def __post_init__(self) -> None:
        ordered = tuple(sorted((Practice(*practice) for practice in self.practices), key=lambda one: one.number))
        if not ordered:
            raise ValueError("an instrument needs at least one practice")
        if any(type(practice.number) is not int for practice in ordered):
            raise ValueError("an instrument's practice numbers must be integers")
        if len({practice.code for practice in ordered}) != len(ordered):
            raise ValueError("an instrument's practice codes must differ")
        if len({practice.number for practice in ordered}) != len(ordered):
            raise ValueError("an instrument's practice numbers must differ")
        force_setattr(self, "practices", ordered)

    @property
    def codes(self) -> tuple[str, ...]:
        """Practice codes in order of number."""
        return tuple([practice.code for practice in self.practices])
