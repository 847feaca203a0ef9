"""Random courses of an assessment by everybody who may write, against the rules that decide what counts.

No two released figures may differ by one respondent's vote unless that respondent voted in between. A course plays
the facilitator who tries: it withdraws, invites again, claims the code itself and votes, reopens, closes, revises.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from uuid import UUID, uuid4

import pytest

from app.assessments import seat_rules
from app.assessments.models import Assessment, AssessmentState, Channel, Participant, Perspective
from app.assessments.seat_rules import CastVote, SeatFacts
from app.principal import SeatKind

NOW = datetime(2026, 10, 5, 13, tzinfo=UTC)
PRACTICES = ("P1", "P2", "P3")
ANSWERS = ("0", "1", "2", "dont_know", "not_applicable")
COURSES, STEPS = 1_000, 24
Place = tuple[str, str]


def draft() -> Assessment:
    """Return a draft, of which only the course matters here."""
    nothing = UUID(int=0)
    return Assessment(
        tenant_id=nothing,
        organization_id=nothing,
        implementation_id=nothing,
        instrument_version_id=nothing,
        scoring_profile_id=nothing,
        title="Baseline",
    )


@dataclass
class Course:
    """One assessment, what was stored of its votes, and what has been released of it."""

    chance: Random
    assessment: Assessment = field(default_factory=draft)
    seats: dict[str, Participant] = field(default_factory=dict)
    votes: dict[tuple[str, str, int, int], CastVote] = field(default_factory=dict)
    released: dict[Place, CastVote] = field(default_factory=dict)
    cast_since: set[tuple[str, str, int]] = field(default_factory=set)
    """Seat, practice and claim of every vote since the last release."""

    def add_seat(self) -> None:
        """A respondent's seat; one with a token is claimed at once."""
        channel = self.chance.choice([Channel.TOKEN, Channel.TOKEN, Channel.PAPER])
        seat = Participant(
            tenant_id=UUID(int=0),
            assessment_id=self.assessment.id,
            seat=SeatKind.RESPONDENT,
            perspective=Perspective.OTHER,
            channel=channel,
            first_round=seat_rules.next_round_to_reveal(self.assessment),
        )
        if channel is Channel.TOKEN:
            seat_rules.begin_claim(seat, self.assessment, NOW, token_hash=b"")
        self.seats[str(seat.id)] = seat

    def vote(self) -> None:
        """The present claim of a seat votes, or a key enters a paper ballot."""
        seat_id, seat = self.chance.choice(list(self.seats.items()))
        held = seat.channel is Channel.PAPER or (seat.token_hash is not None and seat.token_revoked_at is None)
        if self.assessment.state is not AssessmentState.COLLECTING or seat.withdrawn_at is not None or not held:
            return
        practice = self.chance.choice(PRACTICES)
        claim = self.assessment.round if seat.channel is Channel.PAPER else seat.claims
        before = self.sealed_counts()
        deferred = seat_rules.is_deferred(seat, self.assessment)
        vote = CastVote(
            practice, seat_id, self.chance.choice(ANSWERS), self.assessment.round, claim=claim, deferred=deferred
        )
        self.votes[seat_id, practice, self.assessment.round, claim] = vote
        self.cast_since.add((seat_id, practice, claim))
        if deferred:
            assert self.sealed_counts() == before, "a deferred vote shows in the counts"

    def withdraw(self) -> None:
        """Withdraw a seat; neither figures nor counts change."""
        seat = self.chance.choice(list(self.seats.values()))
        if seat.withdrawn_at is None and self.assessment.state is not AssessmentState.FINAL:
            self.changes_nothing(lambda: seat_rules.withdraw(seat, self.assessment, NOW))

    def reseat(self) -> None:
        """Invite again, and claim the seat at once: as the facilitator can who keeps the code."""
        seat = self.chance.choice(list(self.seats.values()))
        if seat.withdrawn_at is not None or seat.channel is Channel.PAPER:
            return

        def invite_and_claim() -> None:
            seat_rules.end_claim(seat, self.assessment, NOW)
            seat_rules.begin_claim(seat, self.assessment, NOW, token_hash=b"")

        self.changes_nothing(invite_and_claim)

    def move(self) -> None:
        """Open, close or reopen; each close is a release."""
        one = self.assessment
        if one.state is AssessmentState.COLLECTING:
            one.revealed_round, one.state = one.round, AssessmentState.CONSENSUS
            self.release()
            return
        one.round += one.state is AssessmentState.CONSENSUS
        one.state = AssessmentState.COLLECTING

    def revise(self) -> None:
        """Go on with a revision: a copy of everything but the tokens."""
        if self.assessment.state is not AssessmentState.CONSENSUS:
            return
        copies = {seat_id: f"{uuid4()}" for seat_id in self.seats}
        for seat in self.seats.values():
            seat.token_hash = seat.claimed_at = None
        self.seats = {copies[seat_id]: seat for seat_id, seat in self.seats.items()}
        self.votes = {
            (copies[seat_id], practice, round_, claim): vote._replace(seat=copies[seat_id])
            for (seat_id, practice, round_, claim), vote in self.votes.items()
        }
        before = Counter((practice, vote.answer) for (_, practice), vote in self.released.items())
        self.released = self.counted()
        assert before == Counter((practice, vote.answer) for (_, practice), vote in self.released.items())

    def facts(self, *, sealed: bool) -> dict[str, SeatFacts]:
        """Return the seats that take part."""
        one = self.assessment
        known = {
            seat_id: SeatFacts(
                seat.first_round, seat.withdrawn_at is not None, seat.withdrawn_round, seat.counted_round
            )
            for seat_id, seat in self.seats.items()
        }
        round_ = one.round if sealed else one.revealed_round
        return {id_: seat for id_, seat in known.items() if seat_rules.takes_part(seat, round_=round_, sealed=sealed)}

    def sealed_counts(self) -> tuple[int, dict[str, int]]:
        """Return what may be seen while votes are sealed: how many are invited, and how many voted on each practice."""
        seats = self.facts(sealed=True)
        cast = seat_rules.sealed_votes(self.votes.values(), seats, self.assessment.round)
        return len(seats), {practice: len(votes) for practice, votes in cast.items()}

    def counted(self) -> dict[Place, CastVote]:
        """Return the votes that the figures are made of."""
        revealed = self.assessment.revealed_round
        counted = seat_rules.counted_votes(self.votes.values(), self.facts(sealed=False), revealed)
        found = {}
        for practice, by_seat in counted.items():
            for seat_id, answer in by_seat.items():
                of_place = [
                    vote
                    for (seat, about, round_, _), vote in self.votes.items()
                    if (seat, about) == (seat_id, practice) and round_ <= revealed and vote.answer == answer
                ]
                found[seat_id, practice] = min(of_place, key=lambda vote: (vote.claim, -vote.round))
        return found

    def release(self) -> None:
        """Compare the new figures with those before: each difference is a vote that its own caster has cast."""
        now = self.counted()
        for place, vote in self.released.items():
            assert place in now, "a counted vote is no longer counted"
            if now[place].answer != vote.answer:
                assert now[place].claim == vote.claim, "a later claim replaced a counted vote"
                assert (*place, vote.claim) in self.cast_since, "a counted vote changed though nobody voted"
        for place in now.keys() - self.released.keys():
            claims = {claim for seat, practice, claim in self.cast_since if (seat, practice) == place}
            assert now[place].claim in claims, "a vote is counted that was not cast since the last release"
        self.released, self.cast_since = now, set()

    def changes_nothing(self, write: Callable[[], object]) -> None:
        """Make a key's write, which may change no figure and no count."""
        sealed = self.assessment.state is AssessmentState.COLLECTING
        before = self.sealed_counts() if sealed else self.counted()
        write()
        if self.assessment.state is not AssessmentState.DRAFT:
            assert (self.sealed_counts() if sealed else self.counted()) == before, "a write of a key changed a figure"


@pytest.mark.parametrize("seed", range(5))
def test_no_course_releases_the_difference_of_one_vote(seed: int) -> None:
    releases = 0
    for number in range(COURSES):
        course = Course(Random(seed * COURSES + number))
        for _ in range(course.chance.randint(3, 6)):
            course.add_seat()
        does = [course.vote] * 8 + [course.move] * 3 + [course.withdraw, course.reseat] * 2
        does += [course.add_seat, course.revise]
        for step in range(STEPS):
            do = course.chance.choice(does)
            if do == course.add_seat and course.assessment.state is AssessmentState.CONSENSUS:
                continue
            try:
                do()
            except AssertionError as failed:
                raise AssertionError(f"{failed}; seed {seed}, course {number}, step {step}, {do.__name__}") from failed
        releases += course.assessment.revealed_round
    assert releases > COURSES, "too few releases to compare"
