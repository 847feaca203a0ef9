"""Compute readiness from the votes in a request, without storing anything."""

from uuid import UUID

from app.assessments.reference_data import (
    DEFAULT_INSTRUMENT,
    find_instrument,
    find_profile,
    load_instrument,
    load_profile,
)
from app.db.transaction import CallerReader
from app.errors import FieldError, Invalid
from app.readiness.compute_schemas import ReadinessCompute
from app.readiness.errors import UnknownInstrument, UnknownProfile
from app.scoring import Coverage, Seat, assess, encode_result, read_input


async def compute(reader: CallerReader, body: ReadinessCompute) -> bytes:
    """Return the readiness object of the votes and the consensus in the body, as UTF-8 JSON.

    Raises:
        UnknownInstrument: the tenant has no such instrument version.
        UnknownProfile: the tenant has no such scoring profile.
        Invalid: A practice is not in the instrument, or a vote names no respondent.
    """
    key, tenant_id = body.instrument_key or DEFAULT_INSTRUMENT, reader.principal.tenant_id
    version_id = await find_instrument(reader, tenant_id, key, body.instrument_version)
    instrument = version_id and await load_instrument(reader, tenant_id, version_id)
    if not instrument:
        error = FieldError("/body/instrument_key", "unknown_instrument", "There is no such instrument version")
        raise UnknownInstrument(errors=[error])
    profile_id: UUID | None = body.scoring_profile_id or await find_profile(reader, tenant_id)
    profile = profile_id and await load_profile(reader, tenant_id, profile_id)
    if not profile:
        error = FieldError("/body/scoring_profile_id", "unknown_profile", "There is no such scoring profile")
        raise UnknownProfile(errors=[error])
    _check(body, set(instrument.titles), {key for one in instrument.scored.practices for key in one.signal_metrics})
    assessment = read_input(
        instrument=instrument.scored,
        profile=profile,
        seats=[Seat(one.id, one.perspective) for one in body.respondents],
        votes=body.votes,
        consensus={code: (one.value, one.note) for code, one in body.consensus.items()},
        left_unscored=body.left_unscored,
        importance=body.importance,
        feasibility=body.feasibility,
        stage=body.stage,
        as_of=body.as_of,
        coverages={metric: Coverage(one.numerator, one.denominator) for metric, one in body.metrics.items()},
        has_administration_record=body.has_administration_record,
    )
    return encode_result(assess(assessment))


def _check(body: ReadinessCompute, practices: set[str], metrics: set[str]) -> None:
    """Refuse what scoring would refuse, and name the field. An error never repeats a name that was sent."""
    errors = []
    seats = {one.id for one in body.respondents}
    if len(seats) != len(body.respondents):
        errors.append(FieldError("/body/respondents", "repeated_respondent", "Two respondents have the same id"))
    for field in ("votes", "consensus", "left_unscored", "importance", "feasibility"):
        if getattr(body, field).keys() - practices:
            errors.append(
                FieldError(f"/body/{field}", "unknown_practice", "The instrument does not have one of these practices")
            )
    if body.metrics.keys() - metrics:
        message = "One of these metrics does not count for the signal of a practice of the instrument"
        errors.append(FieldError("/body/metrics", "unknown_metric", message))
    if any(one.numerator > one.denominator for one in body.metrics.values()):
        message = "The numerator of a figure is above its denominator"
        errors.append(FieldError("/body/metrics", "numerator_above_denominator", message))
    if any(votes.keys() - seats for votes in body.votes.values()):
        errors.append(FieldError("/body/votes", "unknown_respondent", "A vote is by nobody among the respondents"))
    if errors:
        raise Invalid("Some of what was sent is not valid; see errors.", errors=errors)
