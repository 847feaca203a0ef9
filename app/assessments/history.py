"""Record the history of an assessment: who made each transition, when, and why."""

from app.assessments.models import Assessment, AssessmentChange, AssessmentState
from app.db.transaction import Tx


def record_change(tx: Tx, assessment: Assessment, before: AssessmentState | None, reason: str | None) -> None:
    """Record the transition to the present state.

    Args:
        before: the previous state; None: the assessment is new.
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
