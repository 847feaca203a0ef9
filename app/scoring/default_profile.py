"""The scoring profile that ships with the service, as the document it is.

Every cut-off the specification marks as a default stands here and nowhere else. None of them has been validated for
this instrument. Exact fractions are written as text, because canonical JSON of this package carries no floats.
"""

from typing import Any, Final

_CODES: Final = ("P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P9")


def _levels(*levels: int) -> dict[str, int]:
    return dict(zip(_CODES, levels, strict=True))


DEFAULT_PROFILE_DOCUMENT: Final[dict[str, Any]] = {
    "key": "fa9-default",
    "version": "1.0.0",
    "spec": "fa9/1",
    "weights": {"default": 1, "practices": {}},
    "coverage_minimum": "4/5",
    "max_not_applicable": 2,
    "bands": [
        {"key": "emerging", "from": 0},
        {"key": "developing", "from": 40},
        {"key": "advancing", "from": 60},
        {"key": "established", "from": 80},
    ],
    "gates": {
        "band": "established",
        "capped_at": "advancing",
        "refuse": ["practice_at_zero", "unscored", "provisional"],
    },
    "quorum": {"share": "1/2", "minimum": 2},
    "agreement_labels": [
        {"key": "low", "from": 0},
        {"key": "moderate", "from": "3/5"},
        {"key": "acceptable", "from": "7/10"},
    ],
    "priority": {"importance": 3, "feasibility": 3, "importance_where_level_2_is_expected": 5},
    "stages": {
        "ready_from": 80,
        "expected_levels": {
            "exploration": _levels(1, 0, 0, 0, 0, 1, 1, 1, 0),
            "installation": _levels(2, 1, 1, 1, 1, 1, 2, 1, 1),
            "initial_implementation": _levels(2, 2, 1, 2, 1, 2, 2, 2, 1),
            "full_implementation": _levels(2, 2, 2, 2, 2, 2, 2, 2, 2),
        },
    },
    "evidence": {"fresh_days": 180, "ageing_days": 365},
    "privacy": {"small_cell_k": 5, "comments_k": 10},
}
