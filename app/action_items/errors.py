"""What can go wrong with action items."""

from app.errors import AppError, Conflict, FieldError, Invalid


class TitleRequired(Invalid):
    code = "title_required"
    title = "An action item that does not come from a gap needs a title"


class OrganizationRequired(Invalid):
    code = "organization_required"
    title = "An action item needs an organization, or the assessment whose gap it closes"


class OrganizationMismatch(Invalid):
    code = "organization_mismatch"
    title = "The assessment belongs to another organization"


class PracticeRequired(Invalid):
    code = "practice_required"
    title = "An action item that comes from a gap names the practice"


class UnknownOwner(Invalid):
    code = "unknown_owner"
    title = "No such person is visible to these credentials"


class InactiveOwner(Invalid):
    code = "inactive_owner"
    title = "This person is no longer active"


class UnknownVerifier(Invalid):
    code = "unknown_verifier"
    title = "No such person is visible to these credentials to verify"


class InactiveVerifier(Invalid):
    code = "inactive_verifier"
    title = "The person to verify is no longer active"


class VerifierRequired(Invalid):
    code = "verifier_required"
    title = "The transition to verified needs `verified_by`"


class VerifierUnexpected(Invalid):
    code = "verifier_unexpected"
    title = "Only the transition to verified takes `verified_by`"


class VerifierIsOwner(Conflict):
    code = "verifier_is_owner"
    title = "The owner at the time the item was done cannot verify it"


def error_at(kind: type[AppError], field: str) -> AppError:
    """Return an error of this kind that points at a field of the body."""
    return kind(errors=[FieldError(f"/body/{field}", kind.code, kind.title)])
