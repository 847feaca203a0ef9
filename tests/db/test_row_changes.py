"""What the session of a transaction changes."""

import gc
import weakref
from uuid import uuid4

from sqlalchemy.orm import Session

from app.db.row_changes import RowEffect, take_rows
from app.people.models import Person


def new_person() -> Person:
    return Person(tenant_id=uuid4(), id=uuid4(), organization_id=uuid4(), name="Coach")


def test_a_value_is_taken_once() -> None:
    with Session() as session:
        session.add(new_person())
        [change] = take_rows(session, lambda row: True)
        assert (change.effect, change.fields["name"]) == (RowEffect.CREATED, (None, "Coach"))
        assert take_rows(session, lambda row: True) == []


def test_a_row_whose_values_were_taken_is_kept_so_that_no_other_row_gets_its_address() -> None:
    with Session() as session:
        person = new_person()
        kept = weakref.ref(person)
        session.add(person)
        take_rows(session, lambda row: True)
        session.expunge(person)
        del person
        gc.collect()
        assert kept() is not None
