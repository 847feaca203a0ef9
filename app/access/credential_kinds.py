"""The kinds of credentials that are looked up in the database: API keys, seat tokens and SCIM tokens.

`app.access.oidc.sign_ins` is another kind, the access token of a person who signed in.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from app.access import credentials
from app.access.credentials import (
    Credential,
    LookupResult,
    ScimTokenExpired,
    ScimTokenRevoked,
    SeatHolderLeft,
    TokenRevoked,
)
from app.access.key_lookup import BY_SECRET, principal_of_key
from app.db.pool import Pool
from app.db.statement import Read, Row
from app.errors import Unauthorized
from app.principal import PROVISIONING, Grant, Principal, Role, Seat, SeatKind

# Before the look-up nobody knows whether the tenant that a credential names exists. All look-ups share one holder, so
# that invented credentials of invented tenants cannot hold every connection.
HOLDER = "credentials"


class CredentialKind(Protocol):
    """One kind of bearer credential."""

    async def look_up(self, token: str) -> LookupResult | None:
        """Return the principal of a token, or the class of its refusal; None if the token is of another kind.

        Raises:
            Unavailable: the database does not serve.
        """


class ApiKeys:
    """Looks up API keys."""

    def __init__(self, reads: Pool, clock: Callable[[], datetime]) -> None:
        self._reads = reads
        self._clock = clock

    async def look_up(self, token: str) -> LookupResult | None:
        """Return the principal of a key, or the class of its refusal; None if the token is no key."""
        credential = credentials.parse(token)
        if credential is None or credential.kind != credentials.API_KEY:
            return None
        now = self._clock()
        row = await _fetch(self._reads, BY_SECRET, credential, now=now)
        return principal_of_key(credential.tenant_id, credential.secret_hash, row, now)


class SeatTokens:
    """Looks up seat tokens.

    Args:
        seat_by_token: the read of a seat by tenant and token hash, which the assessments package provides.
    """

    def __init__(self, reads: Pool, seat_by_token: Read) -> None:
        self._reads = reads
        self._seat_by_token = seat_by_token

    async def look_up(self, token: str) -> LookupResult | None:
        """Return the principal of a seat, or the class of its refusal; None if the token is no seat's."""
        credential = credentials.parse(token)
        if credential is None or credential.kind != credentials.SEAT_TOKEN:
            return None
        row = await _fetch(self._reads, self._seat_by_token, credential)
        if row is None:
            return Unauthorized
        if row["revoked"]:
            return TokenRevoked
        if row["has_left"]:
            return SeatHolderLeft
        return principal_of_seat(credential.tenant_id, row, row["secret"])


def principal_of_seat(tenant_id: UUID, row: Row, tenant_secret: bytes) -> Principal:
    """Return the holder of a seat, whether by its token or by signing in."""
    return Principal(
        tenant_id=tenant_id,
        id=UUID(int=row["id"].int),
        kind="seat",
        name=row["label"] or row["seat"],
        tenant_secret=tenant_secret,
        seat=Seat(row["assessment_id"], row["id"], SeatKind(row["seat"]), row["claims"], row["sees_from"]),
    )


class ScimTokens:
    """Looks up the tokens of identity providers, which open the routes of SCIM and no others.

    Args:
        token_by_secret: the read of a token by tenant and hash, which the integrations package provides.
    """

    def __init__(self, reads: Pool, token_by_secret: Read, clock: Callable[[], datetime]) -> None:
        self._reads = reads
        self._token_by_secret = token_by_secret
        self._clock = clock

    async def look_up(self, token: str) -> LookupResult | None:
        """Return the principal of a token, or the class of its refusal; None if it is no SCIM token."""
        credential = credentials.parse(token)
        if credential is None or credential.kind != credentials.SCIM_TOKEN:
            return None
        row = await _fetch(self._reads, self._token_by_secret, credential)
        if row is None:
            return Unauthorized
        if row["revoked_at"] is not None:
            return ScimTokenRevoked
        if row["expires_at"] is not None and row["expires_at"] <= self._clock():
            return ScimTokenExpired
        # An identity provider acts for the whole tenant.
        root = Grant(Role.ADMIN, UUID(int=row["organization_id"].int), row["path"])
        return Principal(
            tenant_id=credential.tenant_id,
            id=UUID(int=row["id"].int),
            kind=PROVISIONING,
            name=row["name"],
            tenant_secret=row["secret"],
            grants=(root,),
        )


async def _fetch(reads: Pool, read: Read, credential: Credential, **values: Any) -> Row | None:
    return await reads.fetch_one(
        read, holder=HOLDER, tenant_id=credential.tenant_id, secret_hash=credential.secret_hash, **values
    )
