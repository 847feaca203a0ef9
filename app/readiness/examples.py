"""The examples of the OpenAPI document. They are computed, so that they are always right."""

from datetime import date
from functools import cache
from typing import Any

from app.instruments.shipped import shipped_instruments, shipped_profiles
from app.scoring import Coverage, Instrument, Practice, ScoringProfile, Seat, assess, read_input, to_builtins

_PERSPECTIVES = {"r1": "executive", "r2": "supervisor", "r3": "practitioner"}
_VOTES: dict[str, list[int | str]] = {
    "r1": [2, 1, 1, 2, 1, 1, 2, 1, 1],
    "r2": [2, 1, 1, 2, 0, 1, 2, 1, 1],
    "r3": [1, 1, 0, 2, 0, 1, 2, 1, "dont_know"],
}


@cache
def compute_request() -> dict[str, Any]:
    """Return three respondents' votes, as `POST /v1/readiness/compute` takes them."""
    return {
        "stage": "initial_implementation",
        "as_of": "2026-10-05",
        "respondents": [{"id": seat, "perspective": view} for seat, view in _PERSPECTIVES.items()],
        "votes": {f"P{at + 1}": {seat: votes[at] for seat, votes in _VOTES.items()} for at in range(9)},
        "consensus": {"P5": {"value": 0, "note": "Added on top of an unchanged structure."}},
        "has_administration_record": True,
        "metrics": {
            "training_coverage": {"numerator": 34, "denominator": 40},
            "coaching_coverage": {"numerator": 9, "denominator": 12},
        },
    }


@cache
def readiness() -> dict[str, Any]:
    """Return the readiness object of `compute_request`."""
    request = compute_request()
    shipped = shipped_instruments()[0]
    document = shipped.document
    result = assess(
        read_input(
            instrument=Instrument(
                document["key"],
                document["version"],
                shipped.content_hash,
                tuple(
                    Practice(
                        one["code"],
                        one["number"],
                        one["title"]["en"],
                        tuple(metric["key"] for metric in one["metrics"] if metric["signal"]),
                    )
                    for one in document["practices"]
                ),
            ),
            profile=ScoringProfile.from_document(shipped_profiles()[0].document),
            seats=[Seat(seat, view) for seat, view in _PERSPECTIVES.items()],
            votes=request["votes"],
            consensus={code: (one["value"], one["note"]) for code, one in request["consensus"].items()},
            stage=request["stage"],
            as_of=date.fromisoformat(request["as_of"]),
            coverages={
                metric: Coverage(one["numerator"], one["denominator"]) for metric, one in request["metrics"].items()
            },
            has_administration_record=True,
        )
    )
    return to_builtins(result)
