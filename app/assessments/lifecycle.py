"""The states of an assessment and the transitions between them, as a table."""

from collections.abc import Mapping, Sequence
from typing import Final

from app.assessments.models import AssessmentState

_DRAFT, _COLLECTING, _CONSENSUS, _FINAL, _VOID = AssessmentState

#: The states that may follow each state.
TRANSITIONS: Final[Mapping[AssessmentState, Sequence[AssessmentState]]] = {
    _DRAFT: (_COLLECTING, _VOID),
    _COLLECTING: (_CONSENSUS, _VOID),
    _CONSENSUS: (_COLLECTING, _FINAL, _VOID),
    _FINAL: (),
    _VOID: (),
}
#: States whose content can no longer change.
ENDED: Final = frozenset({_FINAL, _VOID})

_WITH_REASON: Final = frozenset({(_CONSENSUS, _COLLECTING)})


def needs_reason(state: AssessmentState, to: AssessmentState) -> bool:
    """Return whether the transition needs a reason. Reopening the votes and voiding an opened assessment do."""
    return (state, to) in _WITH_REASON or (to is _VOID and state is not _DRAFT)
