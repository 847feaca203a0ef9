"""Authentication: resolve a credential to a principal with one statement, cached for at most a second."""

import hashlib
import json
import time
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from sqlalchemy import LargeBinary, Uuid, bindparam, func, literal_column, select
from sqlmodel import col

from app.access import credentials
from app.access.credentials import Credential, KeyExpired, KeyRevoked, TokenRevoked
from app.access.models import ApiKey, PrincipalRecord, RoleGrant
from app.db.pool import Pool
from app.db.statement import Read, Row
from app.errors import Unauthorized
from app.principal import Grant, Principal, Role, Seat, SeatKind
from app.tree.models import Organization, Tenant

_CACHED_SECONDS = 1.0
_MOST_CACHED = 4_096
# The tenant that a credential names is not known to be one yet. All look-ups share a holder, so that made-up
# credentials of made-up tenants cannot hold every connection.
_HOLDER = "credentials"

_GRANTS = (
    select(
        func.coalesce(
            func.json_agg(
                func.json_build_array(col(RoleGrant.role), col(RoleGrant.organization_id), col(Organization.path))
            ),
            literal_column("'[]'::json"),
        )
    )
    .join(
        Organization,
        (col(Organization.tenant_id) == col(RoleGrant.tenant_id))
        & (col(Organization.id) == col(RoleGrant.organization_id)),
    )
    .where(
        col(RoleGrant.tenant_id) == col(ApiKey.tenant_id),
        col(RoleGrant.principal_id) == col(ApiKey.principal_id),
    )
    .correlate(ApiKey)
    .scalar_subquery()
)
_BY_KEY = Read(
    select(
        col(PrincipalRecord.id),
        col(PrincipalRecord.kind),
        col(PrincipalRecord.name),
        col(Tenant.secret),
        col(ApiKey.expires_at),
        col(ApiKey.revoked_at),
        _GRANTS.label("grants"),
    )
    .select_from(ApiKey)
    .join(Tenant, col(Tenant.id) == col(ApiKey.tenant_id))
    .join(
        PrincipalRecord,
        (col(PrincipalRecord.tenant_id) == col(ApiKey.tenant_id))
        & (col(PrincipalRecord.id) == col(ApiKey.principal_id)),
    )
    .where(
        col(ApiKey.tenant_id) == bindparam("tenant_id", type_=Uuid()),
        col(ApiKey.secret_hash) == bindparam("secret_hash", type_=LargeBinary()),
    )
)


class _Cache:
    """A bounded cache of lookups by credential: a principal, or the error class that refuses it.

    All entries live equally long, so the oldest one expires first. Adding an entry drops the expired ones, and the
    oldest one if the cache is full.

    Args:
        seconds: how long an entry is valid.
        most: the maximum number of entries.
    """

    def __init__(self, seconds: float, most: int) -> None:
        self._seconds = seconds
        self._most = most
        self._entries: dict[bytes, tuple[float, Principal | type[Unauthorized]]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, digest: bytes) -> Principal | type[Unauthorized] | None:
        """Return the valid entry of a credential, or None."""
        entry = self._entries.get(digest)
        return entry[1] if entry is not None and entry[0] > time.monotonic() else None

    def put(self, digest: bytes, found: Principal | type[Unauthorized], since: float) -> None:
        """Add an entry.

        Args:
            since: when the look-up began, by the monotonic clock.
        """
        entries, now = self._entries, time.monotonic()
        entries.pop(digest, None)
        while entries and (len(entries) >= self._most or next(iter(entries.values()))[0] <= now):
            del entries[next(iter(entries))]
        entries[digest] = (since + self._seconds, found)

    def clear(self) -> None:
        """Drop all entries."""
        self._entries.clear()


class Authenticator:
    """Resolves the Authorization header to a principal.

    Each process caches a principal for at most a second. A revocation or a new grant therefore applies everywhere
    within a second, and at once in the process that made it. The cache key is the digest of the token, so other
    spellings of the header share the entry. A separate cache holds unknown and revoked credentials. They neither reach
    the database each time nor evict valid entries.

    Args:
        seat_by_token: the read of a seat by tenant and token hash, which the assessments package provides.
    """

    def __init__(self, reads: Pool, clock: Callable[[], datetime], seat_by_token: Read) -> None:
        self._reads = reads
        self._clock = clock
        self._seat_by_token = seat_by_token
        self._valid = _Cache(_CACHED_SECONDS, _MOST_CACHED)
        self._refused = _Cache(_CACHED_SECONDS, _MOST_CACHED)
        self._invalidations = 0

    async def __call__(self, authorization: str | None) -> Principal:
        """Return the principal of an Authorization header.

        Raises:
            Unauthorized: no credential, an unknown one, or one that was revoked or has expired.
        """
        token = credentials.extract_token(authorization)
        digest = hashlib.sha256(token.encode()).digest()
        found = self._valid.get(digest) or self._refused.get(digest) or await self._look_up(token, digest)
        if isinstance(found, Principal):
            return found
        raise found

    async def _look_up(self, token: str, digest: bytes) -> Principal | type[Unauthorized]:
        since, invalidations = time.monotonic(), self._invalidations
        credential = credentials.parse(token)
        by_key = credential.kind == credentials.API_KEY
        row = await self._reads.fetch_one(
            _BY_KEY if by_key else self._seat_by_token,
            holder=_HOLDER,
            tenant_id=credential.tenant_id,
            secret_hash=credential.secret_hash,
        )
        found: Principal | type[Unauthorized] = Unauthorized
        if row is not None:
            found = self._of_key(credential, row) if by_key else _of_seat(credential, row)
        # A row read before an invalidation may predate the change, so it serves this request only.
        if invalidations == self._invalidations:
            (self._valid if isinstance(found, Principal) else self._refused).put(digest, found, since)
        return found

    def invalidate(self) -> None:
        """Clear the caches, so that a change of credentials, grants or the tree applies at once in this process."""
        self._invalidations += 1
        self._valid.clear()
        self._refused.clear()

    def _of_key(self, credential: Credential, row: Row) -> Principal | type[Unauthorized]:
        if row["revoked_at"] is not None:
            return KeyRevoked
        if row["expires_at"] is not None and row["expires_at"] <= self._clock():
            return KeyExpired
        return Principal(
            tenant_id=credential.tenant_id,
            id=UUID(int=row["id"].int),
            kind=row["kind"],
            name=row["name"],
            tenant_secret=row["secret"],
            grants=tuple(Grant(Role(role), UUID(at), path) for role, at, path in json.loads(row["grants"])),
        )


def _of_seat(credential: Credential, row: Row) -> Principal | type[Unauthorized]:
    if row["revoked"]:
        return TokenRevoked
    return Principal(
        tenant_id=credential.tenant_id,
        id=UUID(int=row["id"].int),
        kind="seat",
        name=row["label"] or row["seat"],
        tenant_secret=row["secret"],
        seat=Seat(row["assessment_id"], row["id"], SeatKind(row["seat"]), row["claims"], row["sees_from"]),
    )
