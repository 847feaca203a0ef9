"""The course of an assessment, as a table: draft, collecting, consensus, final; void from any state but final."""

from collections.abc import Mapping, Sequence
from typing import Final

from app.assessments.models import AssessmentState

_DRAFT, _COLLECTING, _CONSENSUS, _FINAL, _VOID = AssessmentState

#: Where each state may go.
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
    """Return whether this move needs a reason: reopening the votes, and voiding an opened assessment."""
    return (state, to) in _WITH_REASON or (to is _VOID and state is not _DRAFT)
