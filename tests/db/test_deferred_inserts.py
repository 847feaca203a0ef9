"""Rows that are written without a unit of work have every column, and the model's defaults."""

import pytest
from sqlalchemy import inspect

from app.action_items.models import ActionItem, ActionStatus
from app.db.base import SET_BY_DATABASE
from app.db.deferred_inserts import Insertion, _CombinedStatement, insertion
from app.db.ids import uuid7
from app.db.schema.migrate import load_models
from app.events.models import AuditEvent, OutboxEvent
from app.tree.models import Organization

load_models()
TENANT = uuid7()
ITEM = {"organization_id": uuid7(), "practices": ["P1"], "title": "Title", "title_key": "title"}


@pytest.mark.parametrize("table", [ActionItem, AuditEvent, OutboxEvent, Organization])
def test_every_column_that_the_database_does_not_set_is_written(table: type[ActionItem]) -> None:
    columns = {
        column.name
        for column in inspect(table).local_table.columns
        if column.computed is None and SET_BY_DATABASE not in column.info
    }
    assert insertion(table).columns == columns
    statement = _CombinedStatement(Insertion(table))
    assert statement.sql.startswith("INSERT INTO")
    assert {name for _, name, _ in statement._order} == columns


def test_the_sandbox_alone_dates_its_audit_trail() -> None:
    assert "created_at" not in insertion(AuditEvent).columns
    assert insertion(AuditEvent, is_scripted=True).columns == {*insertion(AuditEvent).columns, "created_at"}


def test_a_row_gets_the_defaults_of_its_model() -> None:
    row = insertion(ActionItem).row({"tenant_id": TENANT, **ITEM})
    assert "due_sort" not in row
    assert (row["version"], row["status"], row["owner_id"]) == (1, ActionStatus.PROPOSED, None)
    assert row["id"] != insertion(ActionItem).row({"tenant_id": TENANT, **ITEM})["id"]
    first, second = (insertion(OutboxEvent)._made["data"]() for _ in range(2))
    assert first is not second


def test_a_column_that_is_missing_or_unknown_is_refused() -> None:
    with pytest.raises(TypeError, match="titel"):
        insertion(ActionItem).row({"tenant_id": TENANT, **{**ITEM, "titel": "Title"}})
    with pytest.raises(TypeError, match="practices"):
        insertion(ActionItem).row({"tenant_id": TENANT, **{name: ITEM[name] for name in ITEM if name != "practices"}})
