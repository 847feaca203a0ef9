"""Readiness: computed for each request from what is stored."""

from datetime import date
from uuid import UUID

from app.access.policy import require_for_assessment
from app.assessments.reference_data import load_profile
from app.assessments.scoring_input import build_input, load_scoring_row
from app.errors import FieldError, NotFound
from app.http.context import RequestContext
from app.http.etags import etag
from app.readiness.errors import UnknownProfile
from app.readiness.schemas import ReadinessView
from app.scoring import assess, encode_result, encode_without_voting, summarize
from app.tree.clock import day_in


async def get_readiness(
    context: RequestContext, assessment_id: UUID, *, as_of: date | None, profile_id: UUID | None, view: ReadinessView
) -> tuple[bytes, str]:
    """Return the readiness object of an assessment, and its ETag.

    Args:
        as_of: the date asked for; absent, today where the organization is.
        profile_id: a profile to use instead of the frozen one, for comparison.
        view: the parts to include.

    Raises:
        NotFound: The assessment does not exist, or the caller cannot see it.
        UnknownProfile: no such profile.
    """
    row = await load_scoring_row(context, context.tenant_id, assessment_id)
    if row is None:
        raise NotFound
    require_for_assessment(context.principal, "getReadiness", row["path"], assessment_id)
    profile = None
    if profile_id is not None:
        profile = await load_profile(context, context.tenant_id, profile_id)
        if profile is None:
            error = FieldError("/query/profile", "unknown_profile", "There is no such scoring profile")
            raise UnknownProfile(errors=[error])
    today = as_of or day_in(row["timezone"], context.now)
    secret = context.principal.tenant_secret
    assessment = await build_input(context, context.tenant_id, row, as_of=today, profile=profile, digest_key=secret)
    result = assess(assessment)
    if view is ReadinessView.SUMMARY:
        result = summarize(result)
    body = encode_result(result)
    # While votes are sealed, the ETag must not change as people vote.
    return body, etag(row["version"], encode_without_voting(result) if result.sealed else body)
