"""From a credential to a principal: one statement, remembered for at most a second."""

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

_REMEMBERED_SECONDS = 1.0
_MOST_REMEMBERED = 10_000

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


class Authenticator:
    """Turns the Authorization header into a principal.

    A principal is remembered for at most a second in each process, so a revocation or a new grant holds everywhere
    within that time.

    Args:
        seat_by_token: the read of a seat by tenant and token hash (it belongs to the assessments).
    """

    def __init__(self, reads: Pool, clock: Callable[[], datetime], seat_by_token: Read) -> None:
        self._reads = reads
        self._clock = clock
        self._seat_by_token = seat_by_token
        self._remembered: dict[str, tuple[float, Principal]] = {}
        self._forgotten = 0

    async def __call__(self, authorization: str | None) -> Principal:
        """The principal of an Authorization header.

        Raises:
            Unauthorized: no credential, an unknown one, or one that was revoked or has expired.
        """
        known = self._remembered.get(authorization or "")
        if known is not None and known[0] > time.monotonic():
            return known[1]
        credential = credentials.parse(authorization)
        forgotten = self._forgotten
        row = await self._reads.fetch_one(
            _BY_KEY if credential.kind == credentials.API_KEY else self._seat_by_token,
            tenant_id=credential.tenant_id,
            secret_hash=credential.secret_hash,
        )
        if row is None:
            raise Unauthorized("This credential is not known.")
        by_key = credential.kind == credentials.API_KEY
        principal = self._of_key(credential, row) if by_key else _of_seat(credential, row)
        # What was read before somebody forgot may be of before the change: it serves this request only.
        if forgotten == self._forgotten:
            if len(self._remembered) >= _MOST_REMEMBERED:
                self._remembered.clear()
            self._remembered[authorization or ""] = (time.monotonic() + _REMEMBERED_SECONDS, principal)
        return principal

    def invalidate(self) -> None:
        """Drop what is remembered, so that a change of grants or of the tree holds at once in this process."""
        self._forgotten += 1
        self._remembered.clear()

    def _of_key(self, credential: Credential, row: Row) -> Principal:
        if row["revoked_at"] is not None:
            raise KeyRevoked
        if row["expires_at"] is not None and row["expires_at"] <= self._clock():
            raise KeyExpired
        return Principal(
            tenant_id=credential.tenant_id,
            id=UUID(int=row["id"].int),
            kind=row["kind"],
            name=row["name"],
            tenant_secret=row["secret"],
            grants=tuple(Grant(Role(role), UUID(at), path) for role, at, path in json.loads(row["grants"])),
        )


def _of_seat(credential: Credential, row: Row) -> Principal:
    if row["revoked"]:
        raise TokenRevoked
    return Principal(
        tenant_id=credential.tenant_id,
        id=UUID(int=row["id"].int),
        kind="seat",
        name=row["label"] or row["seat"],
        tenant_secret=row["secret"],
        seat=Seat(row["assessment_id"], row["id"], SeatKind(row["seat"])),
    )
