"""What every practice of one assessment comes to, and which of them stand out."""

from collections.abc import Sequence
from typing import NamedTuple

from app.scoring.inputs import AssessmentInput
from app.scoring.readiness import Marks
from app.scoring.sheet import Sheet, sheet_of
from app.scoring.votes import Outcome, count_letters, has_note, outcome_of


class Results(NamedTuple):
    """The outcomes of the practices in order of number, shape (practices,), and which of them stand out."""

    sheet: Sheet
    outcomes: Sequence[Outcome]
    marks: Marks


def results_of(given: AssessmentInput) -> Results:
    """Score every practice of an assessment (scoring spec 2)."""
    sheet = sheet_of(given.instrument, given.profile, given.stage, len(given.seats))
    ballots, consensus, left = given.ballots, given.consensus, given.left_unscored
    outcomes: list[Outcome] = []
    gone: list[str] = []
    unscored: list[str] = []
    provisional: list[str] = []
    for code in sheet.codes:
        counts, recorded = count_letters(ballots.get(code, "")), consensus.get(code)
        if recorded is None:
            outcome = outcome_of(counts, None, False, code in left)
        else:
            outcome = outcome_of(counts, recorded.value, has_note(recorded), code in left)
        outcomes.append(outcome)
        if outcome.source == "provisional":
            provisional.append(code)
        elif outcome.score is None:
            (unscored if outcome.status == "unscored" else gone).append(code)
    return Results(sheet, outcomes, Marks(gone, unscored, provisional))
