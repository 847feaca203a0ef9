"""Stores the groups of identity providers."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from scim2_models import (
    InvalidValueException,
    Meta,
    NotFoundException,
    PreconditionFailedException,
    Resource,
    ScimFilter,
    UniquenessException,
)
from sqlalchemy import Text, cast, delete, func
from sqlmodel import col, select

from app.db.ids import uuid7
from app.db.transaction import Tx
from app.events.record import record_event
from app.integrations.scim.filters import Column, Entries, SqlFilter
from app.integrations.scim.memberships import reconcile
from app.integrations.scim.models import ScimGroup, ScimGroupMember
from app.integrations.scim.resources import Group, Member
from app.integrations.scim.texts import stored_text
from app.people.models import ScimUser
from app.text import fold_case

GROUP: Final = "Group"
_MOST_MEMBERS: Final = 10_000
COLUMNS: Final = {
    "id": Column(cast(col(ScimGroup.id), Text()), str),
    "externalid": Column(col(ScimGroup.external_id), str),
    "displayname": Column(col(ScimGroup.display_name_key), str, is_folded=True),
    "meta.created": Column(col(ScimGroup.created_at), datetime),
    "meta.lastmodified": Column(col(ScimGroup.updated_at), datetime),
}


def _open_members() -> Any:
    return (
        select(cast(col(ScimGroupMember.user_id), Text()).label("value"))
        .where(
            col(ScimGroupMember.tenant_id) == col(ScimGroup.tenant_id),
            col(ScimGroupMember.group_id) == col(ScimGroup.id),
        )
        .correlate(ScimGroup)
        .lateral("member")
    )


ENTRIES: Final = {"members": Entries(_open_members, lambda rows: {"value": Column(rows.c.value, str)})}


class GroupStore:
    """Stores groups of one tenant, in the transaction of a request.

    Args:
        writes: lock what is read, because it is changed next.
    """

    def __init__(self, tx: Tx, *, writes: bool) -> None:
        self._tx = tx
        self._writes = writes

    async def read(self, group_id: str) -> Resource[Any]:
        """Return a group with its members.

        Raises:
            NotFoundException: there is none.
        """
        group = await self._load(group_id)
        return _resource(group, (await self._members([group.id])).get(group.id, []))

    async def search(
        self, scim_filter: Any, skipped: int, count: int | None, *, is_one_of_many: bool
    ) -> tuple[int, list[Resource[Any]]]:
        """Return the number of groups that a filter finds, and a page of them, oldest first."""
        query = select(ScimGroup).where(col(ScimGroup.tenant_id) == self._tx.tenant_id)
        if scim_filter is not None:
            bound = ScimFilter[Group](scim_filter.ast)
            query = query.where(SqlFilter(bound, COLUMNS, ENTRIES, is_one_of_many=is_one_of_many).translate())
        total = await self._tx.session.scalar(query.with_only_columns(func.count(), maintain_column_froms=True))
        page = query.order_by(col(ScimGroup.id)).offset(skipped).limit(count)
        found = [] if count == 0 else list(await self._tx.session.scalars(page))
        members = await self._members([group.id for group in found])
        return total or 0, [_resource(group, members.get(group.id, [])) for group in found]

    async def create(self, resource: Any) -> Resource[Any]:
        """Add a group.

        Raises:
            UniquenessException: another group has the external id.
            InvalidValueException: a text cannot be stored, or there are too many members.
        """
        fields = await self._fields(resource, None)
        tx = self._tx
        group = ScimGroup(tenant_id=tx.tenant_id, id=uuid7(), created_at=tx.now, updated_at=tx.now, **fields)
        tx.session.add(group)
        await tx.session.flush()
        changed = await self._set_members(group, resource.members)
        record_event(tx, "scim_group.created", group.id, data={"members": len(changed)})
        await reconcile(tx, changed)
        return await self.read(str(group.id))

    async def update(self, resource: Any, expected_version: str | None) -> Resource[Any]:
        """Replace a group and its members.

        Raises:
            NotFoundException, PreconditionFailedException, UniquenessException, InvalidValueException: it cannot be.
        """
        group = await self._load_expected(str(resource.id), expected_version)
        was_called = group.display_name_key
        for name, value in (await self._fields(resource, group.id)).items():
            setattr(group, name, value)
        changed = await self._set_members(group, resource.members)
        if self._tx.touch(group, also=bool(changed)):
            record_event(self._tx, "scim_group.updated", group.id, data={"members_changed": len(changed)})
        if group.display_name_key != was_called:
            changed |= set((await self._members([group.id])).get(group.id, []))
        await reconcile(self._tx, changed)
        return await self.read(str(group.id))

    async def delete(self, group_id: str, expected_version: str | None) -> None:
        """Delete a group, with what it gave to its members.

        Raises:
            NotFoundException, PreconditionFailedException: it cannot be.
        """
        group = await self._load_expected(group_id, expected_version)
        members = set((await self._members([group.id])).get(group.id, []))
        await self._tx.session.delete(group)
        record_event(self._tx, "scim_group.deleted", group.id, data={"members": len(members)})
        await reconcile(self._tx, members)

    async def _fields(self, resource: Any, group_id: UUID | None) -> dict[str, Any]:
        name = stored_text(resource.display_name)
        if name is None:
            raise InvalidValueException(detail="A group needs a displayName.")
        external_id = stored_text(resource.external_id)
        if external_id is not None:
            taken = select(ScimGroup.id).where(
                col(ScimGroup.tenant_id) == self._tx.tenant_id, col(ScimGroup.external_id) == external_id
            )
            if await self._tx.session.scalar(taken) not in {None, group_id}:
                raise UniquenessException
        return {"display_name": name, "display_name_key": fold_case(name), "external_id": external_id}

    async def _set_members(self, group: ScimGroup, sent: list[Member] | None) -> set[UUID]:
        """Replace the members of a locked group. Return those who came or went.

        A member who is no user of this tenant is left out: the identity provider may not have provisioned them yet.

        Raises:
            InvalidValueException: there are too many.
        """
        if len(sent or []) > _MOST_MEMBERS:
            raise InvalidValueException(detail=f"A group has at most {_MOST_MEMBERS} members.")
        wanted = set(filter(None, map(_user_id, sent or [])))
        tx = self._tx
        present = set((await self._members([group.id])).get(group.id, []))
        added, removed = wanted - present, present - wanted
        users = select(ScimUser.id).where(
            col(ScimUser.tenant_id) == tx.tenant_id, col(ScimUser.id).in_(added), col(ScimUser.deleted_at).is_(None)
        )
        added = set(await tx.session.scalars(users.with_for_update(read=True)))
        tx.session.add_all(
            ScimGroupMember(tenant_id=tx.tenant_id, group_id=group.id, user_id=user_id) for user_id in sorted(added)
        )
        await tx.session.execute(
            delete(ScimGroupMember).where(
                col(ScimGroupMember.tenant_id) == tx.tenant_id,
                col(ScimGroupMember.group_id) == group.id,
                col(ScimGroupMember.user_id).in_(removed),
            )
        )
        await tx.session.flush()
        return added | removed

    async def _members(self, group_ids: list[UUID]) -> dict[UUID, list[UUID]]:
        query = select(col(ScimGroupMember.group_id), col(ScimGroupMember.user_id)).where(
            col(ScimGroupMember.tenant_id) == self._tx.tenant_id, col(ScimGroupMember.group_id).in_(group_ids)
        )
        found: dict[UUID, list[UUID]] = {}
        for group_id, user_id in await self._tx.session.execute(query.order_by(col(ScimGroupMember.user_id))):
            found.setdefault(group_id, []).append(user_id)
        return found

    async def _load(self, group_id: str) -> ScimGroup:
        try:
            query = select(ScimGroup).where(
                col(ScimGroup.tenant_id) == self._tx.tenant_id, col(ScimGroup.id) == UUID(group_id)
            )
        except ValueError:
            raise NotFoundException from None
        if self._writes:
            query = query.with_for_update()
        found = await self._tx.session.execute(query, execution_options={"populate_existing": True})
        group = found.scalar_one_or_none()
        if group is None:
            raise NotFoundException
        return group

    async def _load_expected(self, group_id: str, version: str | None) -> ScimGroup:
        group = await self._load(group_id)
        if version is not None and _version(group) != version:
            raise PreconditionFailedException
        return group


def _user_id(member: Member) -> UUID | None:
    try:
        return UUID(member.value or str(member.ref).rpartition("/")[2])
    except ValueError:
        return None


def _version(group: ScimGroup) -> str:
    return f'W/"{group.version}"'


def _resource(group: ScimGroup, members: list[UUID]) -> Group:
    return Group(
        id=str(group.id),
        external_id=group.external_id,
        display_name=group.display_name,
        members=[Member(value=str(one), ref=f"Users/{one}", type="User") for one in members] or None,
        meta=Meta(
            resource_type=GROUP, created=group.created_at, last_modified=group.updated_at, version=_version(group)
        ),
    )
