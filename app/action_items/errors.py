"""What can go wrong with action items."""

from app.errors import Conflict, FieldError, Invalid


class TitleRequired(Invalid):
    code = "title_required"
    title = "An action item that does not come from a gap needs a title"


class OrganizationRequired(Invalid):
    code = "organization_required"
    title = "An action item needs an organization, or the assessment whose gap it closes"


class OrganizationMismatch(Invalid):
    code = "organization_mismatch"
    title = "The assessment is another organization's"


class PracticeRequired(Invalid):
    code = "practice_required"
    title = "An action item that comes from a gap names the practice"


class UnknownOwner(Invalid):
    code = "unknown_owner"
    title = "There is no such person in sight"


class InactiveOwner(Invalid):
    code = "inactive_owner"
    title = "This person is no longer active"


class UnknownVerifier(Invalid):
    code = "unknown_verifier"
    title = "There is no such person in sight to verify"


class InactiveVerifier(Invalid):
    code = "inactive_verifier"
    title = "The person to verify is no longer active"


class VerifierRequired(Invalid):
    code = "verifier_required"
    title = "Verifying needs the person who verified"


class VerifierUnexpected(Invalid):
    code = "verifier_unexpected"
    title = "Only the move to verified names who verified"


class VerifierIsOwner(Conflict):
    code = "verifier_is_owner"
    title = "Another person than the owner must verify"


def at(kind: type[Invalid], field: str) -> Invalid:
    """A failure of this kind that points at a field of the body."""
    return kind(errors=[FieldError(f"/body/{field}", kind.code, kind.title)])
