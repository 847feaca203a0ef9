"""Drop the hashes of API keys that ended long ago."""

from datetime import datetime, timedelta

from sqlalchemy import text

from app.db.statement import Read
from app.db.transaction import Tx
from app.settings import Settings

_BATCH = 1_000
_FORMER = "tenant_id = :tenant_id and ends_at < :limit"
_HAS_FORMER = Read(text(f"select true from former_key_secrets where {_FORMER} limit 1"))  # noqa: S608  # a constant
_DELETE_FORMER = Read(
    text(
        f"""
        delete from former_key_secrets where tenant_id = :tenant_id and secret_hash in (
            select secret_hash from former_key_secrets where {_FORMER} limit :most for update skip locked
        )
        returning true
        """  # noqa: S608  # a constant of this module
    )
)
# A hash has 32 bytes. The key's id, of 16 bytes, stands where there was one: no secret has it as its hash.
_ENDED = "tenant_id = :tenant_id and length(secret_hash) = 32 and least(revoked_at, expires_at) < :limit"
_HAS_ENDED = Read(text(f"select true from api_keys where {_ENDED} limit 1"))  # noqa: S608  # a constant
_DROP_ENDED = Read(
    text(
        f"""
        update api_keys set secret_hash = uuid_send(id) where tenant_id = :tenant_id and id in (
            select id from api_keys where {_ENDED} limit :most for no key update skip locked
        )
        returning true
        """  # noqa: S608  # a constant of this module
    )
)


async def has_ended_secrets(tx: Tx, settings: Settings) -> bool:
    """Return whether hashes of secrets are stored that have not worked for as long as `FA_CREDENTIAL_DAYS` says."""
    values = {"tenant_id": tx.tenant_id, "limit": ended_before(tx, settings)}
    return any([await tx.fetch_one(read, **values) is not None for read in (_HAS_FORMER, _HAS_ENDED)])


async def drop_ended_secrets(tx: Tx, settings: Settings) -> int:
    """Drop some of these hashes. Return how many, 0 when none is left. The keys stay, with their terms and last use."""
    values = {"tenant_id": tx.tenant_id, "limit": ended_before(tx, settings), "most": _BATCH}
    return sum([len(await tx.fetch(read, **values)) for read in (_DELETE_FORMER, _DROP_ENDED)])


def ended_before(tx: Tx, settings: Settings) -> datetime:
    """Return the instant before which a credential must have ended to be dropped."""
    return tx.now - timedelta(days=settings.credential_days)
