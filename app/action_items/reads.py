"""Reading action items: statements over the tables, and their rows as what callers get."""

from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import (
    Date,
    DateTime,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    not_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import col

from app.access.policy import allowed_below, may, require
from app.action_items.course import MOVES, SETTLED
from app.action_items.models import ActionItem, ActionItemChange, ActionItemNote, ActionStatus
from app.action_items.schemas import ActionItemChangeRead, ActionItemNoteRead, ActionItemRead, ActionSource
from app.db.json_rows import json_choice, json_constant, json_if, render
from app.db.listing import Listing
from app.db.reads import Read, Reader, Row
from app.errors import NotFound
from app.principal import Principal
from app.tree.models import Organization
from app.tree.paths import below_any, homes, within

_COMPUTED = frozenset({"source", "overdue", "allowed_transitions"})
_TENANT = bindparam("tenant_id", type_=Uuid())
_UPDATED_SINCE = bindparam("updated_since", type_=DateTime(timezone=True))
_ROWS = (
    select(
        *(getattr(ActionItem, name) for name in ActionItemRead.model_fields if name not in _COMPUTED),
        col(Organization.path),
        col(Organization.timezone),
    )
    .join(
        Organization,
        and_(
            col(Organization.tenant_id) == col(ActionItem.tenant_id),
            col(Organization.id) == col(ActionItem.organization_id),
        ),
    )
    .where(col(ActionItem.tenant_id) == _TENANT)
)
_BY_ID = Read(_ROWS.where(col(ActionItem.id) == bindparam("id", type_=Uuid())))

_NOW = bindparam("now", type_=DateTime(timezone=True))
_AS_OF = bindparam("as_of", type_=Date())
_TODAY = func.coalesce(_AS_OF, cast(func.timezone(col(Organization.timezone), _NOW), Date))
# Written out: a constant that is bound is sent with every request.
_UNSETTLED = col(ActionItem.status).not_in([literal_column(f"'{status}'", Text) for status in sorted(SETTLED)])
# The first condition holds wherever the organization is (nowhere is it later than at UTC+14): an index can serve it.
_OVERDUE = and_(
    col(ActionItem.due_sort) < func.coalesce(_AS_OF, cast(func.timezone(literal_column("'Etc/GMT-14'"), _NOW), Date)),
    col(ActionItem.due_sort) < _TODAY,
    _UNSETTLED,
)
# What a caller gets, rendered by the server.
_RENDERED = render(
    _ROWS,
    ActionItem,
    ActionItemRead,
    col(ActionItem.id),
    col(ActionItem.version),
    col(Organization.path),
    source=case((col(ActionItem.assessment_id).is_(None), ActionSource.FREE.value), else_=ActionSource.GAP.value),
    overdue=and_(_UNSETTLED, col(ActionItem.due_sort) < _TODAY),
    allowed_transitions=json_if(below_any("movable"), json_choice(col(ActionItem.status), MOVES), json_constant([])),
)
_RENDERED_BY_ID = Read(_RENDERED.where(col(ActionItem.id) == bindparam("id", type_=Uuid())))
LIST = Listing(
    "action-items",
    _RENDERED,
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
    scope=within,
    homes=homes(col(ActionItem.organization_id), pinned=("organization_id", "owner_id", "assessment_id")),
)
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
    today = as_of or now.astimezone(ZoneInfo(row["timezone"])).date()
    unsettled = row["status"] not in SETTLED
    movable = may(principal, "transitionActionItem", row["path"])
    fields = {
        **row,
        "source": ActionSource.FREE if row["assessment_id"] is None else ActionSource.GAP,
        "overdue": unsettled and row["due_on"] is not None and row["due_on"] < today,
        "allowed_transitions": MOVES[ActionStatus(row["status"])] if movable else (),
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


def caller(principal: Principal, now: datetime) -> dict[str, Any]:
    """What rendered items depend on besides their rows: who reads them, and when."""
    return {"movable": allowed_below(principal, "transitionActionItem"), "now": now}


async def get_rendered(
    reader: Reader, principal: Principal, action_item_id: UUID, *, now: datetime, as_of: date | None = None
) -> tuple[int, bytes]:
    """One action item's version and its body.

    Raises:
        NotFound: none such in the caller's sight.
    """
    row = await reader.fetch_one(
        _RENDERED_BY_ID, tenant_id=principal.tenant_id, id=action_item_id, as_of=as_of, **caller(principal, now)
    )
    if row is None:
        raise NotFound
    require(principal, "getActionItem", row["path"])
    return row["version"], row["rendered"].encode()
