"""Words of the scoring specification: votes, stages, perspectives, practices and the shapes shared by its parts."""

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

SPEC: Final = "fa9/1"
DONT_KNOW: Final = "dont_know"
NOT_APPLICABLE: Final = "not_applicable"
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

# A vote is 0, 1, 2, "dont_know" or "not_applicable"; a consensus is the same without "dont_know". Values come from
# databases and request bodies, so they are checked at run time (`AssessmentInput`) rather than typed as literals.
Vote = int | str
# All votes on one practice, a letter a seat in the order of the seats' ids: 0, 1, 2, d for don't know, n for not
# applicable, - where the seat did not vote. Counting letters is what most of scoring does.
Ballot = str
LETTERS: Final[dict[Vote, str]] = {0: "0", 1: "1", 2: "2", DONT_KNOW: "d", NOT_APPLICABLE: "n"}
NO_VOTE: Final = "-"
# A practice's score: 0, 1 or 2; None while unscored; "not_applicable" where the practice does not apply.
Score = int | None | Literal["not_applicable"]
Status = Literal["scored", "not_applicable", "unscored"]
Source = Literal["consensus", "unanimous", "provisional"]


class Practice(NamedTuple):
    """One practice of an instrument: its stable code and its number, which orders it."""

    code: str
    number: int


class Seat(NamedTuple):
    """One respondent's seat in an assessment, with the perspective it was invited for."""

    id: str
    perspective: str | None = None


class Consensus(NamedTuple):
    """A consensus the facilitator recorded: 0, 1, 2 or "not_applicable", and the note that goes with it."""

    value: int | str
    note: str | None = None


class Finding(NamedTuple):
    """A machine-readable reason and the codes of the practices it is about (none where it is about the whole)."""

    reason: str
    practices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Instrument:
    """The frozen instrument version an assessment was made with.

    Args:
        key: stable name of the instrument.
        version: its semantic version.
        content_hash: SHA-256 of its canonical document, hexadecimal.
        practices: its practices, at least one, with distinct codes and numbers; kept sorted by number.
    Raises:
        ValueError: no practice, a number that is no integer, or a code or number twice.
    """

    key: str
    version: str
    content_hash: str
    practices: tuple[Practice, ...]

    def __hash__(self) -> int:
        return hash(self.content_hash)

    def __post_init__(self) -> None:
        ordered = tuple(sorted((Practice(*practice) for practice in self.practices), key=lambda p: p.number))
        if not ordered:
            raise ValueError("an instrument needs at least one practice")
        if any(type(practice.number) is not int for practice in ordered):
            raise ValueError("an instrument's practice numbers must be integers")
        if len({practice.code for practice in ordered}) != len(ordered):
            raise ValueError("an instrument's practice codes must differ")
        if len({practice.number for practice in ordered}) != len(ordered):
            raise ValueError("an instrument's practice numbers must differ")
        object.__setattr__(self, "practices", ordered)
