"""Record the history of an assessment: who moved it, when, and why."""

from app.assessments.models import Assessment, AssessmentChange, AssessmentState
from app.db.transaction import Tx


def record_change(tx: Tx, assessment: Assessment, before: AssessmentState | None, reason: str | None) -> None:
    """Add the move to the assessment's present state to its history.

    Args:
        before: the state before; None: the assessment is new.
    """
    tx.insert(
        AssessmentChange,
        assessment_id=assessment.id,
        from_state=before,
        to_state=assessment.state,
        reason=reason,
        actor_id=tx.principal.id,
        actor_name=tx.principal.name,
    )
