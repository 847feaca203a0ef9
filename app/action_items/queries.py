"""Reading action items: statements over the tables, and their rows as what callers get."""

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

from app.access.policy import allowed_below, allowed_throughout, may, require
from app.action_items.lifecycle import SETTLED, TRANSITIONS
from app.action_items.models import ActionItem, ActionItemChange, ActionItemNote, ActionStatus
from app.action_items.schemas import ActionItemChangeRead, ActionItemNoteRead, ActionItemRead, ActionSource
from app.db.keyset import Listing
from app.db.sql_json import render, render_after
from app.db.statement import Read, Reader, Row
from app.errors import NotFound
from app.principal import Principal
from app.tree.clock import day_in, sql_day_in
from app.tree.models import Organization
from app.tree.paths import below_any, lives_within, organization_scope

_COMPUTED = frozenset({"source", "overdue", "allowed_transitions"})
_MOVE = "transitionActionItem"
# No clock is further from UTC.
_BEHIND_UTC, _AHEAD_OF_UTC = timedelta(hours=12), timedelta(hours=14)
_TENANT = bindparam("tenant_id", type_=Uuid())
_UPDATED_SINCE = bindparam("updated_since", type_=DateTime(timezone=True))
_OF_TENANT = col(ActionItem.tenant_id) == _TENANT
_OF_ID = col(ActionItem.id) == bindparam("id", type_=Uuid())
_AT_HOME = and_(
    col(Organization.tenant_id) == col(ActionItem.tenant_id), col(Organization.id) == col(ActionItem.organization_id)
)
_BY_ID = Read(
    select(
        *(getattr(ActionItem, name) for name in ActionItemRead.model_fields if name not in _COMPUTED),
        col(Organization.path),
        col(Organization.effective_timezone).label("timezone"),
    )
    .join(Organization, _AT_HOME)
    .where(_OF_TENANT, _OF_ID)
)


def _of_home(value: Any) -> Any:
    # Looked up for a row where all else leaves it open; a join would look it up for each.
    return select(value).where(_AT_HOME).correlate(ActionItem).scalar_subquery()


_NOW = bindparam("now", type_=DateTime(timezone=True))
# Written out: a constant that is bound is sent with every request.
_UNSETTLED = col(ActionItem.status).not_in([literal_column(f"'{status}'", Text) for status in sorted(SETTLED)])
_OVERDUE = and_(
    # An index can serve this one.
    col(ActionItem.due_sort) < bindparam("latest_today", type_=Date()),
    _UNSETTLED,
    or_(
        col(ActionItem.due_sort) < bindparam("earliest_today", type_=Date()),
        col(ActionItem.due_sort) < _of_home(sql_day_in(col(Organization.effective_timezone), _NOW)),
    ),
)


def _rendered(movable: Any) -> Any:
    """What a caller gets, rendered by the server.

    Args:
        movable: the condition that the caller may move the item.
    """
    moves = [
        (col(ActionItem.status) == literal_column(f"'{status}'", Text), found) for status, found in TRANSITIONS.items()
    ]
    return render_after(
        select(col(ActionItem.id)).where(_OF_TENANT),
        col(ActionItem.json_head),
        col(ActionItem.id),
        col(ActionItem.version),
        overdue=([(_OVERDUE, True)], False),
        allowed_transitions=([(not_(movable), ()), *moves], ()),
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
            "subtree": true(),  # by its scope: see `organizations.sight`
            "owner_id": col(ActionItem.owner_id) == bindparam("owner_id", type_=Uuid()),
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


# By whether the caller may move items everywhere, nowhere, or depending on where they are.
_MOVABLE = {True: true(), False: false(), None: _of_home(below_any("movable"))}
_LISTS = {throughout: _list(movable) for throughout, movable in _MOVABLE.items()}
_RENDERED_BY_ID = {
    throughout: Read(_rendered(movable).add_columns(_of_home(col(Organization.path)).label("path")).where(_OF_ID))
    for throughout, movable in _MOVABLE.items()
}
NOTES = Listing(
    "action-item-notes",
    render(select(col(ActionItemNote.id)), ActionItemNote, ActionItemNoteRead, col(ActionItemNote.id)).where(
        col(ActionItemNote.tenant_id) == _TENANT,
        col(ActionItemNote.action_item_id) == bindparam("action_item_id", type_=Uuid()),
    ),
    key=col(ActionItemNote.id),
    orders={"id": col(ActionItemNote.id)},
    filters={"updated_since": col(ActionItemNote.created_at) >= _UPDATED_SINCE},
)
HISTORY = Listing(
    "action-item-history",
    render(select(col(ActionItemChange.id)), ActionItemChange, ActionItemChangeRead, col(ActionItemChange.id)).where(
        col(ActionItemChange.tenant_id) == _TENANT,
        col(ActionItemChange.action_item_id) == bindparam("action_item_id", type_=Uuid()),
    ),
    key=col(ActionItemChange.id),
    orders={"id": col(ActionItemChange.id)},
    filters={"updated_since": col(ActionItemChange.created_at) >= _UPDATED_SINCE},
)


def present(principal: Principal, row: Row, now: datetime, as_of: date | None = None) -> ActionItemRead:
    """A row as this caller sees it: what the server renders, after a write.

    Args:
        as_of: the day on which ``overdue`` is told; None: today, where the item's organization is.
    """
    today = as_of or day_in(row["timezone"], now)
    unsettled = row["status"] not in SETTLED
    movable = may(principal, _MOVE, row["path"])
    fields = {
        **row,
        "source": ActionSource.FREE if row["assessment_id"] is None else ActionSource.GAP,
        "overdue": unsettled and row["due_on"] is not None and row["due_on"] < today,
        "allowed_transitions": TRANSITIONS[ActionStatus(row["status"])] if movable else (),
    }
    return ActionItemRead.model_validate(fields)


async def row_of(reader: Reader, principal: Principal, action_item_id: UUID, operation: str = "getActionItem") -> Row:
    """The row of an action item that this caller may read: the guard of everything below one.

    Raises:
        NotFound: none such in the caller's sight.
        Forbidden: in sight, but the operation is not allowed.
    """
    row = await reader.fetch_one(_BY_ID, tenant_id=principal.tenant_id, id=action_item_id)
    if row is None:
        raise NotFound
    require(principal, operation, row["path"])
    return row


async def get(
    reader: Reader, principal: Principal, action_item_id: UUID, *, now: datetime, as_of: date | None = None
) -> ActionItemRead:
    """One action item.

    Raises:
        NotFound: none such in the caller's sight.
    """
    return present(principal, await row_of(reader, principal, action_item_id), now, as_of)


def list_for(principal: Principal) -> Listing:
    """The list of action items as this caller sees them."""
    return _LISTS[allowed_throughout(principal, _MOVE)]


def caller(principal: Principal, now: datetime, as_of: date | None = None) -> dict[str, Any]:
    """What rendered items depend on besides their rows: who reads them, and when.

    Args:
        as_of: the day on which ``overdue`` is told; None: today, where each item's organization is.
    """
    return {
        "movable": allowed_below(principal, _MOVE),
        "now": now,
        "earliest_today": as_of or (now - _BEHIND_UTC).date(),
        "latest_today": as_of or (now + _AHEAD_OF_UTC).date(),
    }


async def get_rendered(
    reader: Reader, principal: Principal, action_item_id: UUID, *, now: datetime, as_of: date | None = None
) -> tuple[int, bytes]:
    """One action item's version and its body.

    Raises:
        NotFound: none such in the caller's sight.
    """
    row = await reader.fetch_one(
        _RENDERED_BY_ID[allowed_throughout(principal, _MOVE)],
        tenant_id=principal.tenant_id,
        id=action_item_id,
        **caller(principal, now, as_of),
    )
    if row is None:
        raise NotFound
    require(principal, "getActionItem", row["path"])
    return row["version"], row["rendered"]
