"""Compute the readiness of a stored assessment. Nothing is stored, so each request computes it anew."""

from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from app.access.policy import require_for_assessment
from app.assessments.reference_data import load_profile
from app.assessments.scoring_input import build_input, load_scoring_row
from app.db.transaction import CallerReader
from app.errors import FieldError, NotFound
from app.metrics.queries import own_organizations
from app.readiness.errors import UnknownProfile
from app.readiness.schemas import ReadinessView
from app.scoring import assess, encode_result, encode_without_voting, summarize
from app.tree.clock import day_in


@dataclass(frozen=True, slots=True)
class EncodedReadiness:
    """A readiness object as JSON.

    Attributes:
        body: UTF-8 JSON.
        version: of the assessment, the first part of the ETag.
        tagged: the bytes that the ETag depends on. While votes are sealed, they do not change as people vote.
    """

    body: bytes = field(repr=False)
    version: int
    tagged: bytes = field(repr=False)


async def get_readiness(
    reader: CallerReader, assessment_id: UUID, *, as_of: date | None, profile_id: UUID | None, view: ReadinessView
) -> EncodedReadiness:
    """Return the readiness object of an assessment.

    Args:
        as_of: the day to compute it for; None: today in the time zone of the organization.
        profile_id: a profile to use instead of the frozen one, for comparison.
        view: the parts to include.

    Raises:
        NotFound: The assessment does not exist, or the caller cannot see it.
        UnknownProfile: no such profile.
    """
    principal = reader.principal
    row = await load_scoring_row(reader, principal.tenant_id, assessment_id, as_of=as_of)
    if row is None:
        raise NotFound
    require_for_assessment(principal, "getReadiness", row["path"], assessment_id)
    profile = None
    if profile_id is not None:
        profile = await load_profile(reader, principal.tenant_id, profile_id)
        if profile is None:
            error = FieldError("/query/profile", "unknown_profile", "There is no such scoring profile")
            raise UnknownProfile(errors=[error])
    day = as_of or day_in(row["timezone"], reader.now)
    assessment = await build_input(
        reader,
        principal.tenant_id,
        row,
        as_of=day,
        profile=profile,
        own_organizations=own_organizations(principal),
        digest_key=principal.tenant_secret,
    )
    result = assess(assessment)
    if view is ReadinessView.SUMMARY:
        result = summarize(result)
    body = encode_result(result)
    return EncodedReadiness(body, row["version"], encode_without_voting(result) if result.sealed else body)
