"""Reads of action items, rendered by PostgreSQL. Reads by id, lists and writes share the rendering."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Date,
    DateTime,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    exists,
    false,
    func,
    literal_column,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import col

from app.access.policy import allowed_below, allowed_throughout, require
from app.action_items.lifecycle import SETTLED, TRANSITIONS
from app.action_items.models import ActionItem, ActionItemChange, ActionItemNote
from app.action_items.schemas import ActionItemChangeRead, ActionItemNoteRead, ActionItemRead, ActionSource
from app.db.keyset import Listing
from app.db.sql_json import Rendered, json_choice, json_constant, json_if, render
from app.db.statement import Read, Reader
from app.db.transaction import CallerReader
from app.errors import NotFound
from app.people.models import Person
from app.principal import Principal
from app.tree.clock import sql_day_in
from app.tree.models import Organization
from app.tree.paths import below_any, lives_within, organization_scope

_TRANSITION = "transitionActionItem"
# The time zones furthest from UTC.
_BEHIND_UTC, _AHEAD_OF_UTC = timedelta(hours=12), timedelta(hours=14)
_TENANT = bindparam("tenant_id", type_=Uuid())
_UPDATED_SINCE = bindparam("updated_since", type_=DateTime(timezone=True))
_OF_TENANT = col(ActionItem.tenant_id) == _TENANT
_OF_ID = col(ActionItem.id) == bindparam("id", type_=Uuid())
_IS_ITS_ORGANIZATION = and_(
    col(Organization.tenant_id) == col(ActionItem.tenant_id), col(Organization.id) == col(ActionItem.organization_id)
)
_OF_IDS = col(ActionItem.id) == any_(bindparam("ids", type_=ARRAY(Uuid())))
_GUARD = Read(
    select(col(ActionItem.id), col(Organization.path))
    .join(Organization, _IS_ITS_ORGANIZATION)
    .where(_OF_TENANT, _OF_ID)
)


def _text(constant: str) -> Any:
    # A constant in the text of the statement need not be sent with every request.
    return literal_column(f"'{constant}'", Text)


def _of_its_organization(value: Any) -> Any:
    # PostgreSQL runs this subquery only for rows that cheaper conditions have not decided. A join would run for all.
    return select(value).where(_IS_ITS_ORGANIZATION).correlate(ActionItem).scalar_subquery()


_NOW = bindparam("now", type_=DateTime(timezone=True))
_UNSETTLED = col(ActionItem.status).not_in([_text(status) for status in sorted(SETTLED)])
_OVERDUE = and_(
    # An index serves this condition.
    col(ActionItem.due_sort) < bindparam("latest_today", type_=Date()),
    _UNSETTLED,
    or_(
        col(ActionItem.due_sort) < bindparam("earliest_today", type_=Date()),
        col(ActionItem.due_sort) < _of_its_organization(sql_day_in(col(Organization.effective_timezone), _NOW)),
    ),
)


_OWNER_ACTIVE = exists().where(
    col(Person.tenant_id) == col(ActionItem.tenant_id), col(Person.id) == col(ActionItem.owner_id), col(Person.active)
)
# PostgreSQL reads this array once for each statement. Few people are inactive, so it is short.
_INACTIVE_PEOPLE = func.array(
    select(col(Person.id)).where(col(Person.tenant_id) == _TENANT, not_(col(Person.active))).scalar_subquery(),
    type_=ARRAY(Uuid()),
)


def _rendered(movable: Any) -> Any:
    """Return a statement that renders items for a caller.

    Args:
        movable: the condition that the caller may make transitions of the item.
    """
    return render(
        select(col(ActionItem.id)).where(_OF_TENANT),
        ActionItem,
        ActionItemRead,
        col(ActionItem.id),
        col(ActionItem.version),
        source=case((col(ActionItem.assessment_id).is_(None), _text(ActionSource.FREE)), else_=_text(ActionSource.GAP)),
        overdue=_OVERDUE,
        allowed_transitions=json_if(movable, json_choice(col(ActionItem.status), TRANSITIONS), json_constant([])),
    )


def _list(movable: Any) -> Listing:
    return Listing(
        "action-items",
        _rendered(movable),
        key=col(ActionItem.id),
        orders={
            "id": col(ActionItem.id),
            "due_on": col(ActionItem.due_sort),
            "updated_at": col(ActionItem.updated_at),
        },
        filters={
            "organization_id": col(ActionItem.organization_id) == bindparam("organization_id", type_=Uuid()),
            "subtree": true(),  # by its scope: see `access.subtrees.visible_paths`
            "owner_id": col(ActionItem.owner_id) == bindparam("owner_id", type_=Uuid()),
            "no_owner": col(ActionItem.owner_id).is_(None),
            "owner_active": _OWNER_ACTIVE,
            "owner_inactive": col(ActionItem.owner_id) == any_(_INACTIVE_PEOPLE),
            "status": col(ActionItem.status) == any_(bindparam("status", type_=ARRAY(Text()))),
            "practice": bindparam("practice", type_=Text()) == any_(col(ActionItem.practices)),
            "assessment_id": col(ActionItem.assessment_id) == bindparam("assessment_id", type_=Uuid()),
            "effort": col(ActionItem.effort) == bindparam("effort", type_=Text()),
            "overdue": _OVERDUE,
            "not_overdue": not_(_OVERDUE),
            "due_after": and_(
                col(ActionItem.due_sort) >= bindparam("due_after", type_=Date()), col(ActionItem.due_on).is_not(None)
            ),
            "due_before": col(ActionItem.due_sort) <= bindparam("due_before", type_=Date()),
            "updated_since": col(ActionItem.updated_at) >= _UPDATED_SINCE,
            "q": func.strpos(col(ActionItem.title_key), bindparam("q", type_=Text())) > 0,
        },
        scope=lives_within(col(ActionItem.organization_id)),
        organization_scope=organization_scope(
            col(ActionItem.organization_id), pinned=("organization_id", "owner_id", "assessment_id")
        ),
    )


# The keys say whether the caller may make transitions: of all items (True), of none (False), or of those below certain
# organizations (None).
_MOVABLE = {True: true(), False: false(), None: _of_its_organization(below_any("movable"))}
_LISTS = {throughout: _list(movable) for throughout, movable in _MOVABLE.items()}
_WITH_PATH = {
    throughout: _rendered(movable).add_columns(_of_its_organization(col(Organization.path)).label("path"))
    for throughout, movable in _MOVABLE.items()
}
_BY_ID = {throughout: Read(statement.where(_OF_ID)) for throughout, statement in _WITH_PATH.items()}
_BY_IDS = {throughout: Read(statement.where(_OF_IDS)) for throughout, statement in _WITH_PATH.items()}
_NOTES = render(select(col(ActionItemNote.id)), ActionItemNote, ActionItemNoteRead, col(ActionItemNote.id)).where(
    col(ActionItemNote.tenant_id) == _TENANT
)
_NOTE_BY_ID = Read(_NOTES.where(col(ActionItemNote.id) == bindparam("id", type_=Uuid())))
NOTES = Listing(
    "action-item-notes",
    _NOTES.where(col(ActionItemNote.action_item_id) == bindparam("action_item_id", type_=Uuid())),
    key=col(ActionItemNote.id),
    orders={"id": col(ActionItemNote.id)},
    filters={"updated_since": col(ActionItemNote.created_at) >= _UPDATED_SINCE},
)
HISTORY = Listing(
    "action-item-history",
    render(
        select(col(ActionItemChange.id)),
        ActionItemChange,
        ActionItemChangeRead,
        col(ActionItemChange.id),
        changes=func.coalesce(col(ActionItemChange.changes), json_constant([])),
    ).where(
        col(ActionItemChange.tenant_id) == _TENANT,
        col(ActionItemChange.action_item_id) == bindparam("action_item_id", type_=Uuid()),
    ),
    key=col(ActionItemChange.id),
    orders={"id": col(ActionItemChange.id)},
    filters={"updated_since": col(ActionItemChange.created_at) >= _UPDATED_SINCE},
)


async def require_action_item(reader: Reader, principal: Principal, action_item_id: UUID, operation: str) -> UUID:
    """Return the id of an action item on which the caller may do this.

    Raises:
        NotFound: no such item is visible to the caller.
        Forbidden: it is visible, but the operation is not allowed.
    """
    row = await reader.fetch_one(_GUARD, tenant_id=principal.tenant_id, id=action_item_id)
    if row is None:
        raise NotFound
    require(principal, operation, row["path"])
    return action_item_id


def list_for(principal: Principal) -> Listing:
    """Return the list of action items as this caller sees them."""
    return _LISTS[allowed_throughout(principal, _TRANSITION)]


def caller_arguments(principal: Principal, now: datetime, as_of: date | None = None) -> dict[str, Any]:
    """Return the parameters of rendered items that depend on the caller and on the time.

    Args:
        as_of: the day for which ``overdue`` is computed; None: today in the time zone of each item's organization.
    """
    return {
        "movable": allowed_below(principal, _TRANSITION),
        "now": now,
        "earliest_today": as_of or (now - _BEHIND_UTC).date(),
        "latest_today": as_of or (now + _AHEAD_OF_UTC).date(),
    }


async def get_action_item(reader: CallerReader, action_item_id: UUID, as_of: date | None = None) -> Rendered:
    """Return one action item, as its caller sees it.

    Args:
        as_of: the day for which ``overdue`` is computed; None: today in the time zone of the item's organization.

    Raises:
        NotFound: no such item is visible to the caller.
    """
    principal = reader.principal
    row = await reader.fetch_one(
        _BY_ID[allowed_throughout(principal, _TRANSITION)],
        tenant_id=principal.tenant_id,
        id=action_item_id,
        **caller_arguments(principal, reader.now, as_of),
    )
    if row is None:
        raise NotFound
    require(principal, "getActionItem", row["path"])
    return Rendered(row["rendered"], version=row["version"], id=row["id"])


async def get_action_items(reader: CallerReader, ids: Sequence[UUID]) -> Rendered:
    """Return action items that the caller has just written, in the order of these ids."""
    principal = reader.principal
    rows = await reader.fetch(
        _BY_IDS[allowed_throughout(principal, _TRANSITION)],
        tenant_id=principal.tenant_id,
        ids=ids,
        **caller_arguments(principal, reader.now),
    )
    bodies = {row["id"]: row["rendered"] for row in rows}
    return Rendered(b'{"items":[%b]}' % b",".join(bodies[id_] for id_ in ids))


async def get_note(reader: CallerReader, note_id: UUID) -> Rendered:
    """Return one note that the caller has just written."""
    row = await reader.fetch_one(_NOTE_BY_ID, tenant_id=reader.principal.tenant_id, id=note_id)
    if row is None:
        raise NotFound
    return Rendered(row["rendered"])
