"""The score of an assessment, from the model's own votes and decisions.

The rules that decide over a request (scoring spec 2) are written here anew. What the readiness object holds is tested
with the engine; here the engine only shows whether everything that was stored reaches it.
"""

from collections.abc import Iterable
from datetime import date
from functools import cache
from statistics import median_low
from typing import NamedTuple

from app.instruments.shipped import shipped_instruments, shipped_profiles
from app.scoring import AssessmentInput, Instrument, Practice, ScoringProfile, read_input
from app.scoring import Seat as ScoredSeat
from tests.state.model.things import Assessment, Seat


@cache
def instrument() -> Instrument:
    """Return the shipped instrument."""
    (shipped,) = shipped_instruments()
    document = shipped.document
    practices = tuple(Practice(one["code"], one["number"], one["title"]["en"]) for one in document["practices"])
    return Instrument(document["key"], document["version"], shipped.content_hash, practices)


@cache
def titles() -> dict[str, str]:
    """Return the practices' titles, by code."""
    (shipped,) = shipped_instruments()
    return {one["code"]: one["title"]["en"] for one in shipped.document["practices"]}


@cache
def checklist() -> list[str]:
    """Return the codes of the administration's checklist."""
    (shipped,) = shipped_instruments()
    return [item["code"] for item in shipped.document["administration"]["checklist"]]


@cache
def _profile() -> ScoringProfile:
    (shipped,) = shipped_profiles()
    return ScoringProfile.from_document(shipped.document)


def is_sealed(one: Assessment) -> bool:
    """Return whether the present round must stay hidden: it is under way, or ended in a void without a reveal."""
    return one.state == "collecting" or (one.state == "void" and one.revealed_round < one.round)


def counts(one: Assessment, seat: Seat) -> bool:
    """Return whether a seat counts as a respondent: until the next close, and for good if a close has counted it."""
    if seat.seat != "respondent":
        return False
    if seat.withdrawn_at is None:
        return True
    return seat.withdrawn_round == one.round if is_sealed(one) else seat.counted_round >= seat.first_round


def counted_votes(one: Assessment) -> dict[str, dict[str, int | str]]:
    """Return the votes that count: for each seat the latest one of the first claim that has one.

    While sealed: the present round's that the count of voters includes.
    """
    votes: dict[str, dict[str, int | str]] = {}
    # Later claims first, each in the order of rounds: what is left in the end is the first claim's latest.
    for (seat_id, practice, round_, _), vote in sorted(one.votes.items(), key=lambda item: (-item[0][3], item[0][2])):
        seat = one.seats[seat_id]
        if not counts(one, seat):
            continue
        if is_sealed(one):
            wanted = round_ == one.round and not vote.deferred
        else:
            wanted = round_ <= (one.revealed_round if seat.withdrawn_at is None else seat.counted_round)
        if wanted:
            votes.setdefault(practice, {})[seat_id] = vote.value
    return votes


class Outcome(NamedTuple):
    """What a practice comes to. `by`: consensus, unanimous, provisional, not_applicable or unscored."""

    by: str
    score: int | None = None


def outcome(one: Assessment, practice: str) -> Outcome:
    """Return the consensus, or else the outcome of the votes."""
    if practice in one.consensus:
        value = one.consensus[practice].fields["value"]
        return Outcome("not_applicable") if value == "not_applicable" else Outcome("consensus", value)
    votes = list(counted_votes(one).get(practice, {}).values())
    numbers = [vote for vote in votes if isinstance(vote, int)]
    unknown, inapplicable = votes.count("dont_know"), votes.count("not_applicable")
    if inapplicable > len(votes) / 2:
        return Outcome("not_applicable")
    if not numbers or unknown > (len(numbers) + unknown) / 2 or _is_left(one, practice):
        return Outcome("unscored")
    agreed = len(votes) >= 2 and len(set(votes)) == 1
    return Outcome("unanimous" if agreed else "provisional", median_low(numbers))


def _is_left(one: Assessment, practice: str) -> bool:
    return practice in one.ratings and one.ratings[practice].fields["left_unscored"] is not None


def needs_note(value: int | str, votes: Iterable[int | str]) -> bool:
    """Return whether a consensus departs from the votes: from their range, or from numbers to not applicable."""
    votes = list(votes)
    numbers = [vote for vote in votes if isinstance(vote, int)]
    if isinstance(value, int):
        return not numbers or not min(numbers) <= value <= max(numbers)
    return not votes or bool(numbers)


def missing(one: Assessment) -> list[str]:
    """Return the practices without a consensus that need one before the end."""
    return [practice for practice in titles() if outcome(one, practice).by in {"unscored", "provisional"}]


def blocker(one: Assessment) -> str | None:
    """Return the first reason why it cannot be final."""
    found = {practice: outcome(one, practice).by for practice in titles()}
    applicable = [practice for practice, by in found.items() if by != "not_applicable"]
    unscored = [practice for practice in applicable if found[practice] == "unscored"]
    if 5 * (len(applicable) - len(unscored)) < 4 * len(applicable) or not applicable:
        return "insufficient_coverage"
    if one.administration is None:
        return "no_administration_record"
    if any(not _is_left(one, practice) for practice in unscored):
        return "unscored_practice"
    if "provisional" in found.values():
        return "provisional_practice"
    votes = counted_votes(one)
    bare = [practice for practice, decision in one.consensus.items() if decision.fields["note"] is None]
    if any(needs_note(one.consensus[code].fields["value"], votes.get(code, {}).values()) for code in bare):
        return "consensus_needs_note"
    return None


def scoring_input(one: Assessment, *, as_of: date | None) -> AssessmentInput:
    """Return the input of the scoring engine."""
    ratings = {practice: decision.fields for practice, decision in one.ratings.items()}
    return read_input(
        instrument=instrument(),
        profile=_profile(),
        seats=tuple(ScoredSeat(id_, seat.perspective) for id_, seat in one.seats.items() if counts(one, seat)),
        votes=counted_votes(one),
        consensus={
            practice: (decision.fields["value"], decision.fields["note"])
            for practice, decision in one.consensus.items()
        },
        left_unscored={
            practice: fields["left_unscored"] for practice, fields in ratings.items() if fields["left_unscored"]
        },
        importance={practice: fields["importance"] for practice, fields in ratings.items() if fields["importance"]},
        feasibility={practice: fields["feasibility"] for practice, fields in ratings.items() if fields["feasibility"]},
        stage=one.stage,
        as_of=as_of,
        has_administration_record=one.administration is not None,
        sealed=is_sealed(one),
    )
