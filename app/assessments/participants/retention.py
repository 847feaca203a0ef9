"""Delete expired invitations, and the hashes of seat tokens that ended long ago."""

from sqlalchemy import text

from app.access.retention import ended_before
from app.db.statement import Read
from app.db.transaction import Tx
from app.settings import Settings

_BATCH = 1_000
_EXPIRED = "tenant_id = :tenant_id and expires_at < :limit"
_HAS_EXPIRED = Read(text(f"select true from invitation_codes where {_EXPIRED} limit 1"))  # noqa: S608  # a constant
_DELETE_EXPIRED = Read(
    text(
        f"""
        delete from invitation_codes where tenant_id = :tenant_id and selector in (
            select selector from invitation_codes where {_EXPIRED} limit :most
        )
        returning true
        """  # noqa: S608  # a constant of this module
    )
)
# Nothing that a caller reads depends on the hash of a token that has ended, so the version stays.
_ENDED = "tenant_id = :tenant_id and token_hash is not null and least(token_revoked_at, withdrawn_at) < :limit"
_HAS_ENDED = Read(text(f"select true from participants where {_ENDED} limit 1"))  # noqa: S608  # a constant
_DROP_ENDED = Read(
    text(
        f"""
        update participants set token_hash = null where tenant_id = :tenant_id and id in (
            select id from participants where {_ENDED} limit :most for no key update skip locked
        )
        returning true
        """  # noqa: S608  # a constant of this module
    )
)


async def has_ended_invitations(tx: Tx, settings: Settings) -> bool:
    """Return whether there are invitations and tokens that ended as long ago as `FA_CREDENTIAL_DAYS` says."""
    values = {"tenant_id": tx.tenant_id, "limit": ended_before(tx, settings)}
    return any([await tx.fetch_one(read, **values) is not None for read in (_HAS_EXPIRED, _HAS_ENDED)])


async def drop_ended_invitations(tx: Tx, settings: Settings) -> int:
    """Drop some of these invitations and hashes of tokens. Return how many, 0 when none is left. The seats stay."""
    values = {"tenant_id": tx.tenant_id, "limit": ended_before(tx, settings), "most": _BATCH}
    return sum([len(await tx.fetch(read, **values)) for read in (_DELETE_EXPIRED, _DROP_ENDED)])
