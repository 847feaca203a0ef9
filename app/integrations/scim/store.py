"""The storage that the SCIM library reads and writes: one transaction of a tenant."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from pydantic import TypeAdapter, ValidationError
from scim2_models import (
    InvalidValueException,
    Meta,
    NotFoundException,
    PreconditionFailedException,
    Resource,
    ResourceType,
    ResponseParameters,
    ScimFilter,
    SearchRequest,
)
from scim2_server.storage import AsyncScimStorage, SearchPage
from sqlalchemy import DateTime, Text, and_, case, cast, column, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from app.db.transaction import Tx
from app.integrations.scim import users
from app.integrations.scim.bodies import ENTERPRISE
from app.integrations.scim.filters import Column, Entries, SqlFilter, text_column
from app.integrations.scim.group_store import GROUP, GroupStore
from app.integrations.scim.resources import Email, EnterpriseUser, Manager, Name, User
from app.integrations.scim.texts import stored_text
from app.integrations.scim.users import WantedUser
from app.people.models import Person, ScimUser
from app.schemas import Email as EmailAddress
from app.text import fold_case

_ADDRESS: Final[TypeAdapter[str]] = TypeAdapter(EmailAddress)
_MOST_EMAILS: Final = 20
_MANAGER_USER: Final = aliased(ScimUser, name="manager_user")
#: The id of the user who stands for the person's manager.
_MANAGER_ID: Final = (
    select(col(_MANAGER_USER.id))
    .where(
        col(_MANAGER_USER.tenant_id) == col(Person.tenant_id),
        col(_MANAGER_USER.person_id) == col(Person.manager_id),
        col(_MANAGER_USER.deleted_at).is_(None),
    )
    .order_by(col(_MANAGER_USER.id))
    .limit(1)
    .correlate(Person)
    .scalar_subquery()
)
_LAST_MODIFIED: Final = func.greatest(col(ScimUser.updated_at), col(Person.updated_at), type_=DateTime(timezone=True))
_EXTENSION: Final = ENTERPRISE.casefold()
COLUMNS: Final = {
    "id": Column(cast(col(ScimUser.id), Text()), str),
    "externalid": Column(col(ScimUser.external_id), str),
    "username": Column(col(ScimUser.user_name_key), str, is_folded=True),
    "displayname": text_column(col(ScimUser.display_name)),
    "name.formatted": text_column(col(ScimUser.formatted_name)),
    "name.familyname": text_column(col(ScimUser.family_name)),
    "name.givenname": text_column(col(ScimUser.given_name)),
    "title": text_column(col(Person.position)),
    "active": Column(case((col(ScimUser.states_active), col(Person.active))), bool),
    "meta.created": Column(col(ScimUser.created_at), datetime),
    "meta.lastmodified": Column(_LAST_MODIFIED, datetime),
    f"{_EXTENSION}:employeenumber": text_column(col(Person.employee_number)),
    f"{_EXTENSION}:department": text_column(col(Person.department)),
    f"{_EXTENSION}:manager.value": Column(cast(_MANAGER_ID, Text()), str),
}


def _open_emails() -> Any:
    entries = func.jsonb_array_elements(col(ScimUser.emails))
    return entries.table_valued(column("entry", JSONB()), name="email").render_derived()


def _email_columns(rows: Any) -> dict[str, Column]:
    entry = rows.c.entry
    primary = case({"true": True, "false": False}, value=entry["primary"].astext)
    return {
        "value": text_column(entry["value"].astext),
        "type": text_column(entry["type"].astext),
        "primary": Column(primary, bool),
    }


ENTRIES: Final = {"emails": Entries(_open_emails, _email_columns)}
_USERS: Final = (
    select(ScimUser, Person, _MANAGER_ID.label("manager_user_id"))
    .join(Person, and_(col(Person.tenant_id) == col(ScimUser.tenant_id), col(Person.id) == col(ScimUser.person_id)))
    .where(col(ScimUser.deleted_at).is_(None))
)


class PeopleStore(AsyncScimStorage):
    """Stores users as people of one tenant.

    Args:
        tx: the transaction of the request, which its runner commits.
        writes: lock what is read, because it is changed next.
    """

    def __init__(self, tx: Tx, *, writes: bool) -> None:
        self._tx = tx
        self._writes = writes
        self._groups = GroupStore(tx, writes=writes)

    async def get(
        self,
        resource_type: ResourceType,
        resource_id: str,
        *,
        response_parameters: ResponseParameters[Any] | None = None,
    ) -> Resource[Any]:
        """Return a user or a group."""
        if resource_type.name == GROUP:
            return await self._groups.read(resource_id)
        if self._writes:
            user = await self._load(resource_id)
            await users.load_person(self._tx, user.person_id)
            return await self._read(user.id)
        found = await self._find(resource_id)
        if found is None:
            raise NotFoundException
        return found

    async def search(
        self, resource_types: list[ResourceType], search_request: SearchRequest[Any], *, position: Any = None
    ) -> SearchPage:
        """Return a page of users and groups, users first, each oldest first."""
        names, sent, skipped = (
            [one.name for one in resource_types],
            search_request,
            (search_request.start_index or 1) - 1,
        )
        page = SearchPage(0, [])
        for name in ("User", GROUP):
            if name in names:
                left = None if sent.count is None else sent.count - len(page.resources)
                search = self._groups.search if name == GROUP else self._search_users
                total, found = await search(sent.filter, skipped, left, is_one_of_many=len(names) > 1)
                page.total = (page.total or 0) + total
                page.resources += found
                skipped = max(0, skipped - total)
        return page

    async def _search_users(
        self, scim_filter: Any, skipped: int, count: int | None, *, is_one_of_many: bool
    ) -> tuple[int, list[Resource[Any]]]:
        query = _USERS.where(col(ScimUser.tenant_id) == self._tx.tenant_id)
        if scim_filter is not None:
            bound = ScimFilter[User[EnterpriseUser]](scim_filter.ast)
            query = query.where(SqlFilter(bound, COLUMNS, ENTRIES, is_one_of_many=is_one_of_many).translate())
        page = query.order_by(col(ScimUser.id)).offset(skipped).limit(count)
        found = [] if count == 0 else (await self._tx.session.execute(page)).all()
        # The last page says how many there are. An empty page after the first one, or a full one, does not.
        is_last = (count is None or len(found) < count) and (bool(found) or skipped == 0)
        total = skipped + len(found) if is_last else await self._count(query)
        return total, [_resource(*row) for row in found]

    async def _count(self, query: Any) -> int:
        counting = query.with_only_columns(func.count(), maintain_column_froms=True)
        return await self._tx.session.scalar(counting) or 0

    async def create(self, resource_type: ResourceType, resource: Resource[Any]) -> Resource[Any]:
        """Add a user, and the person unless there is one; or add a group."""
        if resource_type.name == GROUP:
            return await self._groups.create(resource)
        stated = resource.model_copy(update={"active": getattr(resource, "active", None) is not False})
        return await self._read(await users.create_user(self._tx, await self._wanted(stated)))

    async def update(
        self, resource_type: ResourceType, resource: Resource[Any], *, expected_version: str | None = None
    ) -> Resource[Any]:
        """Replace what is stored of a user and their person, or a group."""
        if resource_type.name == GROUP:
            return await self._groups.update(resource, expected_version)
        user = await self._load_expected(str(resource.id), expected_version)
        await users.update_user(self._tx, user, await self._wanted(resource))
        return await self._read(user.id)

    async def delete(
        self, resource_type: ResourceType, resource_id: str, *, expected_version: str | None = None
    ) -> None:
        """Delete a user and deactivate their person, or delete a group."""
        if resource_type.name == GROUP:
            await self._groups.delete(resource_id, expected_version)
            return
        await users.delete_user(self._tx, await self._load_expected(resource_id, expected_version))

    @asynccontextmanager
    async def operation(self) -> AsyncIterator[None]:
        """Roll a failed operation of a bulk request back alone."""
        if not self._writes:
            yield
            return
        async with self._tx.savepoint():
            yield

    async def _load(self, resource_id: str) -> ScimUser:
        try:
            user = await users.load_user(self._tx, UUID(resource_id), lock=self._writes)
        except ValueError:
            user = None
        if user is None:
            raise NotFoundException
        return user

    async def _load_expected(self, resource_id: str, version: str | None) -> ScimUser:
        user = await self._load(resource_id)
        if version is not None and (await self._read(user.id)).meta.version != version:  # type: ignore[union-attr]
            raise PreconditionFailedException
        return user

    async def _read(self, user_id: UUID) -> User[EnterpriseUser]:
        await self._tx.session.flush()
        found = await self._tx.session.execute(self._one(user_id), execution_options={"populate_existing": True})
        return _resource(*found.one())

    async def _find(self, resource_id: str) -> User[EnterpriseUser] | None:
        """Return a user who was not deleted, with one statement."""
        try:
            found = (await self._tx.session.execute(self._one(UUID(resource_id)))).one_or_none()
        except ValueError:
            return None
        return None if found is None else _resource(*found)

    def _one(self, user_id: UUID) -> Any:
        return _USERS.where(col(ScimUser.tenant_id) == self._tx.tenant_id, col(ScimUser.id) == user_id)

    async def _wanted(self, resource: Resource[Any]) -> WantedUser:
        assert isinstance(resource, User)  # noqa: S101  # the only type that is served
        name = resource.name or Name()
        user_name = stored_text(resource.user_name)
        if user_name is None:
            raise InvalidValueException(detail="A user needs a userName.")
        emails = [_email(one) for one in resource.emails or []]
        if len(emails) > _MOST_EMAILS:
            raise InvalidValueException(detail=f"At most {_MOST_EMAILS} e-mail addresses are taken.")
        own = {
            "user_name": user_name,
            "user_name_key": fold_case(user_name),
            "external_id": stored_text(resource.external_id),
            "display_name": stored_text(resource.display_name),
            "formatted_name": stored_text(name.formatted),
            "given_name": stored_text(name.given_name),
            "family_name": stored_text(name.family_name),
            "emails": emails,
            "states_active": resource.active is not None,
        }
        enterprise = resource[EnterpriseUser] or EnterpriseUser()
        sent = enterprise.manager or Manager()
        manager = sent.value or (str(sent.ref).rpartition("/")[2] if sent.ref else None)
        person = {
            **users.derive(own, emails),
            "position": stored_text(resource.title),
            "employee_number": stored_text(enterprise.employee_number),
            "department": stored_text(enterprise.department),
            "manager_id": None if not manager else await users.find_manager(self._tx, manager),
        }
        return WantedUser(own, person, resource.active)


def _email(email: Email) -> dict[str, Any]:
    """Return an address as it is stored: as it was sent, and as the person gets it where it is one."""
    stored = {"value": stored_text(email.value), "type": stored_text(email.type)}
    found: dict[str, Any] = {name: value for name, value in stored.items() if value is not None}
    if email.primary is not None:
        found["primary"] = email.primary
    with suppress(ValidationError):
        found["address"] = _ADDRESS.validate_python(found.get("value"))
    return found


def _resource(user: ScimUser, person: Person, manager_id: UUID | None) -> User[EnterpriseUser]:
    parts = {"formatted": user.formatted_name, "given_name": user.given_name, "family_name": user.family_name}
    emails = [Email(**{key: value for key, value in one.items() if key != "address"}) for one in user.emails]
    made = User[EnterpriseUser](
        id=str(user.id),
        external_id=user.external_id,
        user_name=user.user_name,
        name=Name(**parts) if any(parts.values()) else None,
        display_name=user.display_name,
        title=person.position,
        active=person.active if user.states_active else None,
        emails=emails or None,
        meta=Meta(
            resource_type="User",
            created=user.created_at,
            last_modified=max(user.updated_at, person.updated_at),
            version=f'W/"{user.version}.{person.version}"',
        ),
    )
    employment = {"employee_number": person.employee_number, "department": person.department}
    manager = None if manager_id is None else Manager(value=str(manager_id), ref=f"Users/{manager_id}")
    if manager is not None or any(employment.values()):
        made[EnterpriseUser] = EnterpriseUser(**employment, manager=manager)
    return made
