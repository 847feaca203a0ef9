"""Looks up the principal of an access token."""

import asyncio
import importlib
import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

from opentelemetry.trace import Tracer
from sqlalchemy import text

from app.access.credential_kinds import HOLDER, principal_of_seat
from app.access.credentials import LookupResult, PrincipalDeactivated, SignInEnded, SignInExpired
from app.access.key_lookup import grant_of
from app.access.oidc import claims
from app.access.oidc.claims import Claims, Refusal
from app.db.pool import Pool
from app.db.statement import Read, Row, from_json
from app.errors import Unauthorized
from app.outgoing.addresses import Network
from app.principal import Grant, Principal, Role, SignedIn

if TYPE_CHECKING:
    from app.access.oidc.issuer_keys import IssuerKeys
    from app.outgoing.client import OutgoingClient

# The issuer decides the tenant, so that this function looks at the issuers of all tenants.
_BY_ISSUER = Read(
    text(
        """
        select tenant_id, id, issuer, audiences, jwks_url, person_claim, roles_claim
        from find_identity_provider(cast(:issuer as text))
        """
    )
)


class SignIns:
    """Looks up access tokens of the issuers that operators have bound to tenants.

    A token counts if its issuer is known, one of the issuer's keys signed it with the algorithm of that key, and its
    type, audience and times are right. Everything else is refused alike.

    Args:
        signed_in: the read of a person by tenant, provider, subject and roles, which the people package provides.
        held_seats: the read of the seats that an identity holds, which the assessments package provides.
        networks: where issuers may be, in addition to public addresses.
        tracer: makes spans of requests to issuers; absent, there are none.
        instant: returns the present instant in seconds since 1970.
    """

    def __init__(
        self,
        reads: Pool,
        signed_in: Read,
        held_seats: Read,
        *,
        clock: Callable[[], datetime],
        networks: tuple[Network, ...] = (),
        tracer: Tracer | None = None,
        instant: Callable[[], float] = time.time,
    ) -> None:
        self._reads = reads
        self._signed_in = signed_in
        self._held_seats = held_seats
        self._clock = clock
        self._networks = networks
        self._tracer = tracer
        self._instant = instant
        self._outgoing: OutgoingClient | None = None
        self._keys: dict[UUID, IssuerKeys] = {}
        self._is_loaded = False

    async def look_up(self, token: str) -> LookupResult | None:
        """Return the principal of an access token, or the class of its refusal; None if it is no signed token."""
        if not claims.has_form(token):
            return None
        unverified = claims.read_unverified(token)
        if unverified is None:
            return Unauthorized
        provider = await self._reads.fetch_one(_BY_ISSUER, holder=HOLDER, issuer=unverified.issuer)
        if provider is None:
            return Unauthorized
        verified = await self._verify(token, provider, unverified.kid)
        if verified is None:
            return Unauthorized
        refusal = claims.judge(
            verified, issuer=provider["issuer"], audiences=provider["audiences"], instant=self._instant()
        )
        if refusal is not None:
            return SignInExpired if refusal is Refusal.EXPIRED else Unauthorized
        return await self._principal(provider, verified)

    async def close(self) -> None:
        """Stop fetches and close connections."""
        for keys in self._keys.values():
            await keys.close()
        if self._outgoing is not None:
            await self._outgoing.close()

    async def _verify(self, token: str, provider: Row, kid: str | None) -> Claims | None:
        # The libraries for signatures and HTTP take a while to load, and only services with an issuer need them.
        if not self._is_loaded:
            for name in ("app.access.oidc.verification", "app.access.oidc.issuer_keys"):
                await asyncio.to_thread(importlib.import_module, name)
            self._is_loaded = True
        from app.access.oidc.verification import verify  # noqa: PLC0415  # loaded just now

        key = await self._keys_of(provider).find(kid)
        return None if key is None else verify(token, key)

    def _keys_of(self, provider: Row) -> "IssuerKeys":
        from app.access.oidc.issuer_keys import IssuerKeys  # noqa: PLC0415  # loaded by `_verify`
        from app.outgoing.client import OutgoingClient  # noqa: PLC0415  # loaded by `_verify`

        if self._outgoing is None:
            self._outgoing = OutgoingClient(self._networks, tracer=self._tracer)
        source = (provider["issuer"], provider["jwks_url"])
        keys = self._keys.get(provider["id"])
        if keys is None or keys.source != source:
            keys = self._keys[provider["id"]] = IssuerKeys(self._outgoing, *source)
        return keys

    async def _principal(self, provider: Row, verified: Claims) -> LookupResult:
        subject = claims.person_of(verified, provider["person_claim"])
        if subject is None:
            return Unauthorized
        row = await self._reads.fetch_one(
            self._signed_in,
            holder=HOLDER,
            tenant_id=provider["tenant_id"],
            provider_id=provider["id"],
            subject=subject,
            values=claims.roles_of(verified, provider["roles_claim"]),
            now=self._clock(),
        )
        if row is None:
            return Unauthorized
        tenant_id = UUID(int=provider["tenant_id"].int)
        if row["identity_id"] is None:
            return Principal(
                tenant_id=tenant_id,
                id=uuid5(UUID(int=provider["id"].int), subject),
                kind="person",
                name="Unknown person",
                tenant_secret=row["secret"],
                grants=_claimed(row["default_roles"]),
            )
        if row["deactivated_at"] is not None:
            return PrincipalDeactivated
        if not row["active"]:
            return SignInEnded
        identity = SignedIn(UUID(int=row["person_id"].int), UUID(int=row["identity_id"].int))
        seats = await self._reads.fetch(
            self._held_seats,
            tenant_id=tenant_id,
            person_id=identity.person_id,
            identity_id=identity.identity_id,
        )
        return Principal(
            tenant_id=tenant_id,
            id=UUID(int=row["principal_id"].int),
            kind="person",
            name=row["name"],
            tenant_secret=row["secret"],
            grants=(*map(grant_of, from_json(row["grants"])), *_claimed(row["claimed_roles"])),
            signed_in=identity,
            held=tuple(principal_of_seat(tenant_id, seat, row["secret"]) for seat in seats),
        )


def _claimed(stored: Any) -> tuple[Grant, ...]:
    return tuple(Grant(Role(role), UUID(at), path) for role, at, path in from_json(stored))
