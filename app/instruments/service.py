"""Publishing scoring profiles of a tenant."""

from uuid import UUID

from sqlalchemy.exc import IntegrityError

from app.access.policy import require_everywhere
from app.db.transaction import Tx
from app.errors import Conflict, Invalid
from app.events.record import record_event
from app.instruments.models import ScoringProfile
from app.instruments.profile_document import ProfileDocument
from app.scoring import ScoringProfile as Profile
from app.scoring import content_hash

#: Keys that begin so are the shipped profiles', in every tenant and every release.
_RESERVED = "fa9-"


class ProfileExists(Conflict):
    code = "profile_exists"
    title = "There is a profile with this key and version; publish a new version"


class ReservedKey(Invalid):
    code = "reserved_key"
    title = "Keys that begin with fa9- belong to the shipped profiles"


class ProfileRefused(Invalid):
    code = "profile_refused"
    title = "Scoring cannot work with this profile"


async def create_profile(tx: Tx, body: ProfileDocument) -> UUID:
    """Publish a profile for the whole tenant: hashed, and never changed afterwards. Return its id.

    Raises:
        Forbidden: the caller is not an admin of the tenant's root.
        ReservedKey: the key belongs to the shipped profiles.
        ProfileRefused: its parts do not fit together.
        ProfileExists: this version of this key was published before.
    """
    require_everywhere(tx.principal, "createScoringProfile")
    if body.key.startswith(_RESERVED):
        raise ReservedKey
    document = body.as_document()
    try:
        Profile.from_document(document)
    except ValueError:
        raise ProfileRefused from None
    made = ScoringProfile(
        tenant_id=tx.tenant_id,
        created_at=tx.now,
        key=body.key,
        version=body.version,
        content_hash=content_hash(document),
        document=document,
    )
    tx.session.add(made)
    try:
        await tx.session.flush()
    except IntegrityError as error:
        raise ProfileExists from error
    record_event(tx, "scoring_profile.published", made.id, data={"key": made.key, "version": made.version})
    return made.id
