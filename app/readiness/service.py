"""Readiness: computed for each request from what is stored, or from what is sent. And the last move, to final."""

from datetime import date
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from app.access.policy import require_for_assessment
from app.assessments import reads as assessment_reads
from app.assessments.errors import (
    AdministrationMissing,
    ConsensusLacksNote,
    InsufficientCoverage,
    NotFinalizable,
    ProvisionalPractice,
    UnscoredPractice,
)
from app.assessments.frozen import profile_of
from app.assessments.models import AssessmentState
from app.assessments.schemas import AssessmentRead, AssessmentTransition
from app.assessments.scored import input_of, row_to_score
from app.assessments.service import begin_move, move
from app.db.transaction import Tx
from app.errors import FieldError, NotFound
from app.http.calls import Call
from app.http.etags import etag
from app.readiness.errors import UnknownProfile
from app.readiness.schemas import ReadinessView
from app.scoring import assess_json, evaluate, sealed_basis

_BLOCKERS: dict[str, type[NotFinalizable]] = {
    "insufficient_coverage": InsufficientCoverage,
    "no_administration_record": AdministrationMissing,
    "unscored_practice": UnscoredPractice,
    "provisional_practice": ProvisionalPractice,
    "consensus_needs_note": ConsensusLacksNote,
}


async def readiness_of(
    call: Call, assessment_id: UUID, *, as_of: date | None, profile_id: UUID | None, view: ReadinessView
) -> tuple[bytes, str]:
    """The readiness object of an assessment, and its ETag.

    Args:
        as_of: the date asked for; absent, today where the organization is.
        profile_id: another profile than the frozen one, for a look at what it would give.
        view: how much of it.

    Raises:
        NotFound: no such assessment in the caller's sight.
        UnknownProfile: no such profile.
    """
    row = await row_to_score(call, call.tenant_id, assessment_id)
    if row is None:
        raise NotFound
    require_for_assessment(call.principal, "getReadiness", row["path"], assessment_id)
    profile = None
    if profile_id is not None:
        profile = await profile_of(call, call.tenant_id, profile_id)
        if profile is None:
            error = FieldError("/query/profile", "unknown_profile", "There is no such scoring profile")
            raise UnknownProfile(errors=[error])
    today = as_of or call.now.astimezone(ZoneInfo(row["timezone"])).date()
    secret = call.principal.tenant_secret
    given = await input_of(call, call.tenant_id, row, as_of=today, profile=profile, digest_key=secret)
    summary = view is ReadinessView.SUMMARY
    body = assess_json(given, summary=summary)
    # While sealed, the tag must not tell that somebody voted.
    return body, etag(row["version"], sealed_basis(given, summary=summary) if given.sealed else body)


async def transition(tx: Tx, assessment_id: UUID, body: AssessmentTransition) -> AssessmentRead:
    """Move an assessment to its next state.

    Raises:
        NotFound, Forbidden: as everywhere.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
        InvalidTransition: the state does not lead there.
        ReasonRequired: the move must say why.
        OrganizationArchived: an archived organization's draft cannot be opened.
        NotFinalizable: one of its kinds, for the first of what stands in the way of the final state; all of it is
            in ``errors``.
    """
    held = await begin_move(tx, assessment_id, body)
    if body.to is AssessmentState.FINAL:
        await _check_final(tx, assessment_id)
    await move(tx, held, body.to, body.reason)
    return await assessment_reads.get(tx, tx.principal, assessment_id)


async def _check_final(tx: Tx, assessment_id: UUID) -> None:
    row = await row_to_score(tx, tx.tenant_id, assessment_id)
    if row is None:
        raise NotFound
    blockers = evaluate(await input_of(tx, tx.tenant_id, row, as_of=None)).blockers
    if not blockers:
        return
    errors = [
        FieldError("/body/to", _BLOCKERS[found.reason].code, _explain(_BLOCKERS[found.reason], found.practices))
        for found in blockers
    ]
    blocking: list[dict[str, Any]] = [
        {"reason": _BLOCKERS[found.reason].code, "practices": list(found.practices)} for found in blockers
    ]
    raise _BLOCKERS[blockers[0].reason](
        "The assessment cannot be made final yet; see errors.", errors=errors, blockers=blocking
    )


def _explain(kind: type[NotFinalizable], practices: tuple[str, ...]) -> str:
    return f"{kind.title}: {', '.join(practices)}" if practices else kind.title
