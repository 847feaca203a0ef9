"""Cells: formulas are neutralized so that it can be undone, and nested values have a place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from app.exports.columns import columns_of, to_cell
from app.exports.rosters import RosterItem
from app.exports.trees import TreeItem
from app.integrations.roster.files import FIELDS
from app.integrations.roster.organization_rows import ORGANIZATION_FIELDS
from app.people.schemas import PersonRead
from app.text import neutralize, restore

FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1", "'=1"]


@pytest.mark.parametrize("text", FORMULAS)
def test_what_could_be_a_formula_begins_with_an_apostrophe(text: str) -> None:
    assert neutralize(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "Coach", "1-1", "'quoted'", " =1"])
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert neutralize(text) == text


@given(st.text() | st.text(alphabet="'=+-@\t\r a"))
def test_neutralizing_is_undone(text: str) -> None:
    assert restore(neutralize(text)) == text


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, None),
        (True, True),
        (-5, -5),
        (["P1", "P2"], "P1; P2"),
        ([], ""),
        (["=1", "2"], "'=1; 2"),
        ([1, None], "1; null"),
        ([{"a": 1}], '[{"a":1}]'),
        ({"a": [1]}, '{"a":[1]}'),
    ],
)
def test_values_of_json_become_cells(value: object, cell: object) -> None:
    assert to_cell(value) == cell


def test_the_columns_are_the_fields_of_the_items_in_their_order() -> None:
    assert [column.header for column in columns_of(PersonRead)] == list(PersonRead.model_fields)


@pytest.mark.parametrize(("model", "fields"), [(RosterItem, FIELDS), (TreeItem, ORGANIZATION_FIELDS)])
def test_what_can_be_imported_again_has_the_columns_that_an_import_reads(
    model: type[BaseModel], fields: tuple[str, ...]
) -> None:
    assert tuple(column.header for column in columns_of(model)) == fields
