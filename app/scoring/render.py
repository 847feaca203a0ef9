"""The readiness object as it goes over the wire: JSON, exact figures rounded, every null with its reason."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from app.scoring.canonical import encode_text
from app.scoring.evaluation import Evaluation, evaluate
from app.scoring.inputs import AssessmentInput, input_digest, respondents_voted
from app.scoring.json_text import finding_texts, text, texts, truth
from app.scoring.left_out import excluded_respondents, left_out
from app.scoring.profile import ScoringProfile
from app.scoring.render_figures import (
    INTERVAL_STATEMENT,
    agreement_text,
    left_out_text,
    path_text,
    perception_text,
    priorities_text,
    readiness_text,
    stage_text,
    sums_text,
)
from app.scoring.render_practice import practice_text
from app.scoring.sealed import sealed_result
from app.scoring.types import NO_VOTE, SPEC, Instrument

NOTICE: Final = (
    "A planning aid for the team that made it: not a ranking and not a sanction. "
    "None of the cut-offs used here has been validated for this instrument."
)


def assess_json(given: AssessmentInput, *, summary: bool = False) -> bytes:
    """Score an assessment and render the readiness object.

    Args:
        given: the checked input.
        summary: leave the two long lists, of the practices and of their priorities, empty.
    Returns:
        A JSON object with keys in a fixed order: the same input gives the same bytes. Numbers are rounded half-even
        to six decimals; what is undefined is null beside a machine-readable reason. No seat id and no respondent's
        own readiness is in it. While votes are sealed every figure is null with the reason `votes_sealed`, and
        `voting` is the only part that changes as people vote, so that an ETag can leave it out (`sealed_basis`).
    Source:
        scoring spec 1 to 5, 7 and 8.
    """
    body = sealed_text(given, summary=summary) if given.sealed else figures_text(evaluate(given), summary=summary)
    return f"{{{_head(given)},{body},{_NOTICE}}}".encode()


def assess(given: AssessmentInput) -> dict[str, Any]:
    """`assess_json` as data."""
    made: dict[str, Any] = json.loads(assess_json(given))
    return made


def sealed_basis(given: AssessmentInput, *, summary: bool = False) -> bytes:
    """Of a sealed assessment's readiness object everything but `voting`, which tells that somebody voted."""
    return f"{_head(given, voting=False)},{sealed_text(given, summary=summary)}".encode()


def figures_text(figures: Evaluation, *, summary: bool) -> str:
    """Render exact figures: the members of the readiness object that a sealed one leaves empty."""
    results, readiness = figures.results, figures.readiness
    excluded = excluded_respondents(figures.own)
    practices, priorities = ([], []) if summary else (_practices(figures), figures.priorities)
    return (
        f'{readiness_text(readiness)},"provisional":{texts(results.marks.provisional)},'
        f'{sums_text(readiness)},"path_to_established":{path_text(figures.path)},'
        f'"practices":[{",".join(practices)}],"agreement":{agreement_text(figures)},'
        f'"perception":{perception_text(figures.perception, len(figures.own), excluded)},'
        f'"priorities":{priorities_text(priorities)},"stage_attainment":{stage_text(figures.stage)},'
        f'"finality":{{"can_finalize":{truth(not figures.blockers)},"blockers":{finding_texts(figures.blockers)}}},'
        f'"left_out":{left_out_text(left_out(results, excluded))}'
    )


def _practices(figures: Evaluation) -> list[str]:
    results, readiness, sheet = figures.results, figures.readiness, figures.results.sheet
    told = zip(results.outcomes, figures.importance, figures.feasibility, figures.of_practices, strict=True)
    return [
        practice_text(
            sheet, place, outcome, readiness, importance=importance, feasibility=feasibility, priority=priority
        )
        for place, (outcome, importance, feasibility, priority) in enumerate(told)
    ]


def sealed_text(given: AssessmentInput, *, summary: bool) -> str:
    """Render what may be said before the reveal: the same members, and no figure in them."""
    body = sealed_result(given)
    if summary:
        body["practices"] = []
    body["perception"]["statement"] = INTERVAL_STATEMENT
    return _members(body)


def _members(value: Mapping[str, Any]) -> str:
    return encode_text(value)[1:-1]


_NOTICE: Final = _members({"notice": NOTICE})


@lru_cache(maxsize=256)
def _names(instrument: Instrument, profile: ScoringProfile) -> str:
    return _members({"spec": SPEC, "instrument": _name(instrument), "profile": _name(profile)})


def _name(item: Instrument | ScoringProfile) -> dict[str, str]:
    return {"key": item.key, "version": item.version, "content_hash": item.content_hash}


def _head(given: AssessmentInput, *, voting: bool = True) -> str:
    names, as_of = _names(given.instrument, given.profile), given.as_of.isoformat() if given.as_of else None
    return (
        f'{names},"input_hash":"{input_digest(given)}","stage":{text(given.stage)},'
        f'"as_of":{text(as_of)},"sealed":{truth(given.sealed)}{_voting(given) if voting else ""}'
    )


def _voting(given: AssessmentInput) -> str:
    ballots, invited = given.ballots, len(given.seats)
    practices = [
        # Counted anew each time: nothing is kept of ballots that may be sealed.
        _voted(practice.code, len(ballot := ballots.get(practice.code, "")) - ballot.count(NO_VOTE))
        for practice in given.instrument.practices
    ]
    return (
        f',"voting":{{"invited":{invited},"voted":{respondents_voted(ballots.values())},'
        f'"quorum":{given.profile.quorum(invited)},"practices":[{",".join(practices)}]}}'
    )


@lru_cache(maxsize=1024)
def _voted(code: str, voted: int) -> str:
    return f'{{"code":{text(code)},"voted":{voted}}}'
