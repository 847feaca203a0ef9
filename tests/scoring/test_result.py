"""The readiness object as a whole: its shape, its privacy while sealed, and properties over any votes."""

import json
import math
import random
from datetime import date
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from app.readiness.compute_schemas import ReadinessCompute
from app.readiness.schemas import ReadinessRead
from app.scoring import Instrument, ScoringProfile, Seat, assess, parse_vote, read_input, to_builtins
from app.scoring.readiness import Readiness, readiness_of_scores
from tests.scoring import make
from tests.scoring.make import NA, Row, Vote
from tests.support.known import known

VOTES = st.sampled_from([0, 1, 2, 0, 1, 2, "dont_know", NA])
STAGES = st.sampled_from([None, "exploration", "installation", "initial_implementation", "full_implementation"])


@st.composite
def inputs(draw: st.DrawFn) -> dict[str, Any]:
    seats = [f"seat-{number}" for number in range(draw(st.integers(0, 6)))]
    codes = st.sampled_from(make.CODES)
    votes = st.dictionaries(st.sampled_from(seats), VOTES) if seats else st.just({})
    values = st.sampled_from([0, 1, 2, NA])
    notes = st.sampled_from([None, "", "why"])
    return {
        "instrument": make.INSTRUMENT,
        "profile": make.weighted(draw(st.dictionaries(codes, st.integers(0, 100)))),
        "seats": tuple(Seat(seat, draw(st.sampled_from([None, "hr", "executive"]))) for seat in seats),
        "votes": {code: draw(votes) for code in make.CODES},
        "consensus": draw(st.dictionaries(codes, st.tuples(values, notes), max_size=4)),
        "left_unscored": draw(st.dictionaries(codes, st.just("note"), max_size=2)),
        "importance": draw(st.dictionaries(codes, st.integers(1, 5))),
        "feasibility": draw(st.dictionaries(codes, st.integers(1, 5))),
        "stage": draw(STAGES),
        "as_of": draw(st.none() | st.just(date(2026, 3, 1))),
        "has_administration_record": draw(st.booleans()),
    }


def numbers(value: object) -> list[float]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [number for item in value for number in numbers(item)]
    return [value] if isinstance(value, float) else []


def exact_readiness(levels: Row, profile: ScoringProfile) -> Readiness:
    """Return the exact figures of scores, before they are rounded."""
    scores = [None if level is None else parse_vote(level) for level in levels]
    return readiness_of_scores(dict(zip(make.CODES, scores, strict=True)), profile)


def shape(value: Any) -> Any:
    """Return the keys of nested objects in order, without those inside lists."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items() if isinstance(item, dict)} | {"keys": list(value)}
    return None


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_any_input_gives_a_valid_object_whatever_its_order(data: st.DataObject) -> None:
    fields = data.draw(inputs())
    result = to_builtins(assess(read_input(**fields)))
    body = json.dumps(result, allow_nan=False)
    ReadinessRead.model_validate_json(body, strict=False)
    assert all(math.isfinite(number) and number == round(number, 6) for number in numbers(result))
    assert not any(seat.id in body for seat in fields["seats"])

    shuffle = random.Random(1).shuffle
    seats, practices = list(fields["seats"]), list(fields["instrument"].practices)
    shuffle(seats)
    shuffle(practices)
    turned: dict[str, Any] = {
        name: dict(reversed(list(value.items()))) if isinstance(value, dict) else value
        for name, value in fields.items()
    }
    turned["votes"] = {code: dict(reversed(list(votes.items()))) for code, votes in turned["votes"].items()}
    turned["seats"] = tuple(seats)
    turned["instrument"] = Instrument("fa9", "1.0.0", "0" * 64, tuple(practices))
    assert json.dumps(to_builtins(assess(read_input(**turned)))) == body


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_bounds_hold_readiness_under_every_completion(data: st.DataObject) -> None:
    levels = data.draw(st.lists(st.sampled_from([0, 1, 2, None, None, NA]), min_size=9, max_size=9))
    profile = make.weighted(data.draw(st.dictionaries(st.sampled_from(make.CODES), st.integers(0, 100))))
    before = exact_readiness(levels, profile)
    missing = [index for index, level in enumerate(levels) if level is None]
    completions = list(product(range(3), repeat=len(missing)))
    if before.bounds is None or len(completions) > 300:
        return
    reached = []
    for completion in completions:
        full = list(levels)
        for index, level in zip(missing, completion, strict=True):
            full[index] = level
        reached.append(known(exact_readiness(full, profile).readiness))
    assert (min(reached), max(reached)) == before.bounds
    if before.readiness is not None:
        assert before.bounds[0] <= before.readiness <= before.bounds[1]


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_lifting_a_practice_never_lowers_readiness_or_attainment(data: st.DataObject) -> None:
    levels: list[Vote | None] = data.draw(st.lists(st.sampled_from([0, 1, 2, NA, None]), min_size=9, max_size=9))
    liftable = [index for index, level in enumerate(levels) if level in {0, 1}]
    if not liftable:
        return
    index = data.draw(st.sampled_from(liftable))
    higher = [*levels]
    higher[index] = 2 if levels[index] == 1 else 1
    low, high = (assess(make.inputs(levels=item, stage="installation")) for item in (levels, higher))
    assert high.reason == low.reason
    if low.readiness is not None:
        assert known(high.readiness) > low.readiness
    if low.stage_attainment.value is not None:
        assert known(high.stage_attainment.value) >= low.stage_attainment.value
    code = make.CODES[index]
    before, after = ({item.practice: item.priority for item in figures.priorities} for figures in (low, high))
    assert after[code] < before[code]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_path_that_is_walked_is_established(data: st.DataObject) -> None:
    levels = data.draw(st.lists(st.sampled_from([0, 1, 2]), min_size=9, max_size=9))
    path = known(assess(make.inputs(levels=levels)).path_to_established.practices)
    walked = [level + path.count(code) for code, level in zip(make.CODES, levels, strict=True)]
    assert assess(make.inputs(levels=walked)).band == "established"


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_sealed_object_depends_on_nothing_but_who_was_asked_and_who_voted(data: st.DataObject) -> None:
    fields = data.draw(inputs())
    sealed = to_builtins(assess(read_input(**fields, sealed=True)))
    ReadinessRead.model_validate(sealed)

    other = {code: dict.fromkeys(votes, 2) for code, votes in fields["votes"].items()}
    assert to_builtins(assess(read_input(**{**fields, "votes": other}, sealed=True))) == sealed

    untouched = {**fields, "votes": {}, "consensus": {}, "left_unscored": {}}
    quiet = to_builtins(assess(read_input(**untouched, sealed=True)))
    assert {**quiet, "voting": None} == {**sealed, "voting": None}


def test_a_sealed_object_has_the_shape_of_an_open_one_and_a_reason_everywhere() -> None:
    rows: list[Row] = [[1, 2, 0]] * 8 + [[NA, 1, None]]
    opened, sealed = (make.assess(rows, stage="installation", sealed=flag) for flag in (False, True))
    assert list(opened) == list(sealed)
    assert {**shape(opened), "sums": None} == {**shape(sealed), "sums": None}
    assert [list(practice) for practice in opened["practices"]] == [list(p) for p in sealed["practices"]]
    assert sealed["voting"] == opened["voting"]
    assert sealed["voting"]["voted"] == 3
    assert sealed["voting"]["practices"][8] == {"code": "P9", "voted": 2}
    assert [sealed[key] for key in ("readiness", "readiness_mean", "coverage", "bounds", "band", "sums")] == [None] * 6
    parts = [sealed, sealed["path_to_established"], sealed["stage_attainment"], sealed["perception"]]
    parts += [sealed["agreement"][key] for key in ("r_star_wg_j", "alpha_ordinal", "pairwise_exact")]
    parts += sealed["practices"] + [practice["r_wg"] for practice in sealed["practices"]]
    assert {part["reason"] for part in parts} == {"votes_sealed"}
    assert sealed["finality"] == {"can_finalize": False, "blockers": [{"reason": "votes_sealed", "practices": []}]}
    assert sealed["practices"][0]["importance"] == {"value": 5, "source": "stage"}


def test_the_object_says_what_it_rests_on() -> None:
    result = make.assess(levels=[2] * 9, as_of=date(2026, 3, 1), stage="exploration")
    assert (result["spec"], result["as_of"], result["stage"], result["sealed"]) == (
        "fa9/1",
        "2026-03-01",
        "exploration",
        False,
    )
    assert result["instrument"] == {"key": "fa9", "version": "1.0.0", "content_hash": "0" * 64}
    assert result["profile"]["content_hash"] == make.DEFAULT_PROFILE.content_hash
    assert "planning aid" in result["notice"]
    assert result["band"] == "established"
    assert result["provisional"] == []


def test_provisional_scores_are_named_and_withhold_established() -> None:
    result = make.assess([[2, 2]] * 8 + [[2, 2, 1]], levels=[2])
    assert result["provisional"] == ["P9"]
    assert (result["band"], result["cap_reasons"]) == (
        "advancing",
        [{"reason": "provisional", "practices": ["P9"]}],
    )
    assert [practice["source"] for practice in result["practices"][:2]] == ["consensus", "unanimous"]


def test_a_schema_refuses_what_the_object_does_not_have() -> None:
    result = make.assess(levels=[2] * 9)
    for broken in ({**result, "extra": 1}, {key: value for key, value in result.items() if key != "bounds"}):
        with pytest.raises(ValidationError):
            ReadinessRead.model_validate(broken)


def test_every_field_of_the_schema_is_described_and_required() -> None:
    schema = ReadinessRead.model_json_schema()
    for name, part in [("ReadinessRead", schema), *schema["$defs"].items()]:
        assert set(part["required"]) == set(part["properties"])
        assert all("description" in field for field in part["properties"].values()), name
    assert len(schema["$defs"]) > 15


@pytest.mark.parametrize("vote", ["true", "1.0", "NaN", "3", "-1", "null", '"2"', '"unsure"'])
def test_a_request_refuses_what_is_no_vote(vote: str) -> None:
    with pytest.raises(ValidationError):
        ReadinessCompute.model_validate_json('{"votes": {"P1": {"a": %s}}}' % vote)  # noqa: UP031


def test_a_request_takes_what_an_input_needs() -> None:
    body = {
        "stage": "installation",
        "respondents": [{"id": "a", "perspective": "hr"}, {"id": "b"}],
        "votes": {"P1": {"a": 2, "b": "dont_know"}},
        "consensus": {"P2": {"value": "not_applicable", "note": "no staff"}},
        "left_unscored": {"P3": "later"},
        "importance": {"P1": 5},
        "feasibility": {"P1": 1},
    }
    assert ReadinessCompute.model_validate(body).votes["P1"] == {"a": 2, "b": "dont_know"}
    for wrong in ({"importance": {"P1": True}}, {"left_unscored": {"P1": "a\x00"}}, {"surprise": 1}):
        with pytest.raises(ValidationError):
            ReadinessCompute.model_validate({**body, **wrong})
    with pytest.raises(ValidationError):
        ReadinessCompute.model_validate({"respondents": [{"id": str(number)} for number in range(201)]})
