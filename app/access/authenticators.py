"""The kinds of credentials that can be looked up in the database: API keys and seat tokens."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Protocol
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

#: A principal, or the error class that refuses the credential.
Found = Principal | type[Unauthorized]

# The tenant that a credential names is not known to be one yet. All look-ups share a holder, so that made-up
# credentials of made-up tenants cannot hold every connection.
HOLDER = "credentials"

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


class CredentialKind(Protocol):
    """One kind of bearer credential."""

    async def look_up(self, token: str) -> Found | None:
        """Return the principal of a token, or the class of its refusal; None if the token is of another kind.

        Raises:
            Unavailable: the database does not serve.
        """


class ApiKeys:
    """Looks up API keys."""

    def __init__(self, reads: Pool, clock: Callable[[], datetime]) -> None:
        self._reads = reads
        self._clock = clock

    async def look_up(self, token: str) -> Found | None:
        """Return the principal of a key, or the class of its refusal; None if the token is no key."""
        credential = credentials.parse(token)
        if credential is None or credential.kind != credentials.API_KEY:
            return None
        row = await _fetch(self._reads, _BY_KEY, credential)
        return Unauthorized if row is None else self._principal_of(credential, row)

    def _principal_of(self, credential: Credential, row: Row) -> Found:
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


class SeatTokens:
    """Looks up seat tokens.

    Args:
        seat_by_token: the read of a seat by tenant and token hash, which the assessments package provides.
    """

    def __init__(self, reads: Pool, seat_by_token: Read) -> None:
        self._reads = reads
        self._seat_by_token = seat_by_token

    async def look_up(self, token: str) -> Found | None:
        """Return the principal of a seat, or the class of its refusal; None if the token is no seat's."""
        credential = credentials.parse(token)
        if credential is None or credential.kind != credentials.SEAT_TOKEN:
            return None
        row = await _fetch(self._reads, self._seat_by_token, credential)
        if row is None:
            return Unauthorized
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


async def _fetch(reads: Pool, read: Read, credential: Credential) -> Row | None:
    return await reads.fetch_one(
        read, holder=HOLDER, tenant_id=credential.tenant_id, secret_hash=credential.secret_hash
    )
