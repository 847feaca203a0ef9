"""The principal behind an API key: one statement, by the hash of a secret."""

from datetime import datetime
from ipaddress import ip_network
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    DateTime,
    LargeBinary,
    Uuid,
    and_,
    bindparam,
    case,
    column,
    exists,
    func,
    literal_column,
    or_,
    select,
    table,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlmodel import col

from app.access.credentials import KeyExpired, KeyMakerLeft, KeyRevoked, LookupResult, PrincipalDeactivated
from app.access.models import ApiKey, FormerKeySecret, PrincipalRecord, RoleGrant
from app.access.oidc.models import Identity
from app.db.statement import Read, Row, from_json
from app.errors import Unauthorized
from app.principal import Grant, Principal, Role, UsedKey
from app.tree.models import OrganizationPlace, Tenant

_TENANT = col(ApiKey.tenant_id) == bindparam("tenant_id", type_=Uuid())
_NOW = bindparam("now", type_=DateTime(timezone=True))
_HASH = bindparam("secret_hash", type_=LargeBinary())


def in_force(now: Any) -> Any:
    """Return the condition that a grant holds at an instant."""
    return and_(
        or_(col(RoleGrant.starts_at).is_(None), col(RoleGrant.starts_at) <= now),
        or_(col(RoleGrant.ends_at).is_(None), col(RoleGrant.ends_at) > now),
    )


_GRANT = func.json_build_array(
    col(RoleGrant.role),
    col(RoleGrant.organization_id),
    col(OrganizationPlace.path),
    col(RoleGrant.id),
    col(RoleGrant.ends_at),
)


def grants_of(holder: type[ApiKey] | type[Identity]) -> Any:
    """Return a subquery of the grants in force of the principal that a row names; takes ``now``."""
    listed = func.json_agg(aggregate_order_by(_GRANT, col(RoleGrant.id)))
    return (
        select(func.coalesce(listed, literal_column("'[]'::json")))
        .join(
            OrganizationPlace,
            (col(OrganizationPlace.tenant_id) == col(RoleGrant.tenant_id))
            & (col(OrganizationPlace.organization_id) == col(RoleGrant.organization_id)),
        )
        .where(
            col(RoleGrant.tenant_id) == col(holder.tenant_id),
            col(RoleGrant.principal_id) == col(holder.principal_id),
            in_force(_NOW),
        )
        .correlate(holder)
        .scalar_subquery()
    )


#: The columns of people that decide here; the table belongs to a package above this one.
_PEOPLE = table("people", column("tenant_id", Uuid()), column("id", Uuid()), column("active", Boolean()))


def has_left(person_id: Any) -> Any:
    """Return whether the person whom a column names does not work here any more; takes ``tenant_id``."""
    of_person = (_PEOPLE.c.tenant_id == bindparam("tenant_id", type_=Uuid()), _PEOPLE.c.id == person_id)
    return exists().where(*of_person, ~_PEOPLE.c.active)


def _former(column: Any) -> Any:
    """Return a column of the former secret with the given hash."""
    found = select(column).where(
        col(FormerKeySecret.tenant_id) == bindparam("tenant_id", type_=Uuid()),
        col(FormerKeySecret.secret_hash) == _HASH,
    )
    return found.scalar_subquery()


_KEY = (
    select(
        col(PrincipalRecord.id),
        col(PrincipalRecord.name),
        col(PrincipalRecord.person_id),
        col(PrincipalRecord.deactivated_at),
        has_left(col(PrincipalRecord.person_id)).label("has_left"),
        col(Tenant.secret),
        col(ApiKey.id).label("key_id"),
        col(ApiKey.expires_at),
        col(ApiKey.revoked_at),
        col(ApiKey.allowed_networks),
        grants_of(ApiKey).label("grants"),
    )
    .select_from(ApiKey)
    .join(Tenant, col(Tenant.id) == col(ApiKey.tenant_id))
    .join(
        PrincipalRecord,
        (col(PrincipalRecord.tenant_id) == col(ApiKey.tenant_id))
        & (col(PrincipalRecord.id) == col(ApiKey.principal_id)),
    )
    .where(_TENANT)
)
# The maker of the secret that was sent. A former secret keeps its maker, so that no rotation revives it.
_MAKER = case((col(ApiKey.secret_hash) == _HASH, col(ApiKey.maker_id)), else_=_former(col(FormerKeySecret.maker_id)))
#: Takes ``tenant_id``, ``secret_hash`` and ``now``. A secret that a rotation replaced finds its key as well.
BY_SECRET = Read(
    _KEY.add_columns(
        _former(col(FormerKeySecret.ends_at)).label("secret_ends_at"),
        _MAKER.label("maker_id"),
        has_left(_MAKER).label("maker_has_left"),
    ).where(or_(col(ApiKey.secret_hash) == _HASH, col(ApiKey.id) == _former(col(FormerKeySecret.key_id))))
)


def principal_of_key(tenant_id: UUID, secret_hash: bytes, row: Row | None, now: datetime) -> LookupResult:
    """Return the principal of a row that `BY_SECRET` found, with the roles in force, or the class of its refusal."""
    if row is None:
        return Unauthorized
    if row["revoked_at"] is not None:
        return KeyRevoked
    ends = [at for at in (row["expires_at"], row["secret_ends_at"]) if at is not None]
    expires_at = min(ends, default=None)
    if expires_at is not None and expires_at <= now:
        return KeyExpired
    if row["deactivated_at"] is not None or row["has_left"]:
        return PrincipalDeactivated
    if row["maker_has_left"]:
        return KeyMakerLeft
    networks = tuple(ip_network(network) for network in row["allowed_networks"])
    return Principal(
        tenant_id=tenant_id,
        id=UUID(int=row["id"].int),
        kind="api_key",
        name=row["name"],
        tenant_secret=row["secret"],
        grants=tuple(map(grant_of, from_json(row["grants"]))),
        key=UsedKey(
            UUID(int=row["key_id"].int),
            expires_at,
            networks,
            secret_hash,
            is_former=row["secret_ends_at"] is not None,
            person_id=_id_of(row["person_id"]),
            maker_id=_id_of(row["maker_id"]),
        ),
    )


def _id_of(stored: UUID | None) -> UUID | None:
    return None if stored is None else UUID(int=stored.int)


def grant_of(stored: list[Any]) -> Grant:
    """Return a grant as `grants_of` lists it."""
    role, organization_id, path, grant_id, ends_at = stored
    ends = None if ends_at is None else datetime.fromisoformat(ends_at)
    return Grant(Role(role), UUID(organization_id), path, UUID(grant_id), ends)
