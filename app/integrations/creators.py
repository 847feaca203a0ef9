"""The rights of the creator of a webhook, connector, calendar feed or export, as they are stored now.

A webhook, a calendar and an export show what their creator can read, and a connector writes what its creator may
write. No request carries a credential of theirs then, so the rights are read from the tables: those of the key that it
was made with, or those of a person who signs in.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Uuid, bindparam, not_, or_, select
from sqlmodel import col

from app.access.key_lookup import grant_of, grants_of, has_left
from app.access.models import ApiKey, PrincipalRecord
from app.access.oidc.models import Identity
from app.access.policy import may
from app.db.statement import Read, Reader, from_json
from app.db.transaction import Tx
from app.integrations.errors import RightNotStored
from app.people.models import Person
from app.principal import Principal
from app.tree.models import Tenant

_TENANT = bindparam("tenant_id", type_=Uuid())


def _rights_of(holder: type[ApiKey] | type[Identity]) -> Any:
    """Return the rights of the principal that a row names."""
    return (
        select(
            col(PrincipalRecord.id),
            col(PrincipalRecord.name),
            col(Tenant.secret),
            grants_of(holder).label("grants"),
        )
        .select_from(holder)
        .join(Tenant, col(Tenant.id) == col(holder.tenant_id))
        .join(
            PrincipalRecord,
            (col(PrincipalRecord.tenant_id) == col(holder.tenant_id))
            & (col(PrincipalRecord.id) == col(holder.principal_id)),
        )
        .where(
            col(holder.tenant_id) == _TENANT,
            col(PrincipalRecord.deactivated_at).is_(None),
            not_(has_left(col(PrincipalRecord.person_id))),
        )
    )


_BY_KEY = Read(
    _rights_of(ApiKey).where(
        col(ApiKey.id) == bindparam("key_id", type_=Uuid()),
        col(ApiKey.revoked_at).is_(None),
        not_(has_left(col(ApiKey.maker_id))),
        or_(
            col(ApiKey.expires_at).is_(None),
            col(ApiKey.expires_at) > bindparam("now", type_=DateTime(timezone=True)),
        ),
    )
)
# Roles that the claims of a sign-in give are not stored, so they do not count here.
_PERSON = Read(
    _rights_of(Identity)
    .join(Person, (col(Person.tenant_id) == col(Identity.tenant_id)) & (col(Person.id) == col(Identity.person_id)))
    .where(col(Identity.principal_id) == bindparam("principal_id", type_=Uuid()), col(Person.active))
    .limit(1)
)


async def require_stored_right(tx: Tx, operation: str, path: str) -> Principal:
    """Return the caller with the roles that are stored, for something that acts with them later.

    Args:
        operation: what the caller must be allowed to do with these roles alone.
        path: the organization where it is done.

    Raises:
        RightNotStored: these roles do not allow it. Those that the claims of a sign-in gave are not stored.
    """
    key_id = None if tx.principal.key is None else tx.principal.key.id
    creator = await load_creator(tx, tx.tenant_id, tx.principal.id, key_id, tx.now)
    if creator is None or not may(creator, operation, path):
        raise RightNotStored
    return creator


async def load_creator(
    reader: Reader, tenant_id: UUID, principal_id: UUID, key_id: UUID | None, now: datetime
) -> Principal | None:
    """Return the creator with the roles that are granted now.

    Args:
        key_id: the key that it was made with; None: a person signed in.

    Returns:
        None where the key was revoked or has expired, or the creator was deactivated or has left, or the maker of the
        key has.
    """
    if key_id is not None:
        row = await reader.fetch_one(_BY_KEY, tenant_id=tenant_id, key_id=key_id, now=now)
    else:
        row = await reader.fetch_one(_PERSON, tenant_id=tenant_id, principal_id=principal_id, now=now)
    if row is None:
        return None
    return Principal(
        tenant_id=tenant_id,
        id=UUID(int=row["id"].int),
        kind="person" if key_id is None else "api_key",
        name=row["name"],
        tenant_secret=row["secret"],
        grants=tuple(map(grant_of, from_json(row["grants"]))),
    )
