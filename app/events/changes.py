"""The values before and after a change, as the audit trail keeps them.

Only columns that are named here are kept. Values that say who somebody is stand in a separate table: the audit row
has a reference and a digest, so that a person can be erased and the chain stays whole. Each of these values is stored
under the person it is about: when a row passes from one person to another, the value before belongs to the first and
the value after to the second. A row without a person stores them under its own id. Long texts, which people write
freely, are named and not kept. Votes and secrets are not even named.
"""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from pydantic_core import to_json, to_jsonable_python

from app.db.ids import uuid7
from app.db.row_changes import RowEffect, take_rows
from app.db.transaction import Tx
from app.events.models import AuditValue


@dataclass(frozen=True, slots=True)
class Recorded:
    """The columns of a table that the audit trail speaks of.

    Attributes:
        values: kept as they are.
        texts: named, without the values.
        personal: kept by reference.
        person: returns the person that the personal values of a row are about; None: the row names nobody.
        part_of: the column with the id of the subject that the row is a part of.
    """

    values: frozenset[str]
    texts: frozenset[str] = frozenset()
    personal: frozenset[str] = frozenset()
    person: Callable[[Any], UUID | None] = lambda row: row.get("person_id")
    part_of: str = "id"


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


RECORDED: Final = {
    "organizations": Recorded(_names("parent_id kind name staff_count timezone archived_at")),
    "programs": Recorded(_names("organization_id name website"), _names("description")),
    "implementations": Recorded(_names("organization_id program_id stage ended_at")),
    "people": Recorded(
        _names("organization_id active manager_id merged_into_id"),
        personal=_names("name email employee_number position department on_leave hired_on left_on"),
        person=lambda row: row.get("id"),
    ),
    "person_external_ids": Recorded(frozenset(), personal=_names("external_id"), part_of="person_id"),
    "assessments": Recorded(
        _names(
            "organization_id implementation_id instrument_version_id scoring_profile_id title state stage"
            " supersedes_id round administered_on opens_at closes_at"
        )
    ),
    "participants": Recorded(
        _names("assessment_id seat channel perspective person_id withdrawn_at"), personal=_names("label")
    ),
    "consensus": Recorded(_names("practice value method recorded_by"), _names("note dissent"), part_of="assessment_id"),
    "practice_ratings": Recorded(
        _names("practice importance feasibility"), _names("left_unscored"), part_of="assessment_id"
    ),
    "administration_records": Recorded(
        _names("evidence_reviewed duration_minutes recorded_by"),
        _names("roles_present checklist deviations"),
        part_of="assessment_id",
    ),
    "action_items": Recorded(
        _names(
            "organization_id assessment_id practices title status owner_id due_on effort expected_level verified_by"
            " done_at"
        ),
        _names("description"),
    ),
    "scoring_profiles": Recorded(_names("key version content_hash")),
    "principals": Recorded(_names("kind organization_id person_id deactivated_at"), personal=_names("name")),
    # A key's name often names who uses it. It goes with the principal, which stands for a person or for none.
    "api_keys": Recorded(
        _names("principal_id maker_id allowed_networks expires_at revoked_at"),
        personal=_names("name"),
        person=lambda row: row.get("principal_id"),
    ),
    # A URL can hold a secret, so it is not kept.
    "webhooks": Recorded(
        _names("organization_id principal_id event_types enabled disabled_reason"), _names("url description")
    ),
    # The numbers stay out: small ones are for the organization itself.
    "metrics": Recorded(
        _names("organization_id program_id metric source period_start period_end state supersedes_id recorded_by"),
        _names("numerator denominator withdrawal_reason"),
    ),
    "connectors": Recorded(
        _names("organization_id principal_id kind source settings interval_minutes enabled disabled_reason"),
        _names("name"),
    ),
    "calendar_feeds": Recorded(_names("organization_id principal_id own_only owner_id"), _names("name")),
    # The filters of a list may be personal.
    "exports": Recorded(_names("principal_id format source file_id rows"), _names("list")),
    "role_grants": Recorded(_names("principal_id organization_id role starts_at ends_at")),
    "scim_group_mappings": Recorded(_names("group_name organization_id role")),
    "scim_groups": Recorded(_names("display_name external_id")),
    "scim_tokens": Recorded(_names("expires_at revoked_at"), _names("name")),
    "scim_users": Recorded(
        _names("person_id deleted_at"),
        personal=_names("user_name external_id display_name formatted_name given_name family_name emails"),
    ),
}


def take_changes(tx: Tx, audit_event_id: UUID, subject_id: UUID) -> list[dict[str, Any]] | None:
    """Return what this transaction changes in a subject, and store the personal values among it apart.

    Returns:
        Objects with ``field``, ``before`` and ``after``; None: nothing that is recorded.
    """
    found: list[dict[str, Any]] = []
    for table, values, effect, fields in _rows_of(tx, subject_id):
        recorded = RECORDED[table]
        sides = [{**values, **{name: side[at] for name, side in fields.items()}} for at in (0, 1)]
        for name in sorted(fields):
            before, after = fields[name]
            if name in recorded.values:
                found.append(to_jsonable_python({"field": name, "before": before, "after": after}))
            elif name in recorded.texts:
                found.append({"field": name, "omitted": True})
            elif name in recorded.personal and effect is not RowEffect.DELETED:
                owners = [recorded.person(side) or values.get("id") for side in sides]
                refer = [_store(tx, audit_event_id, *one) for one in zip(owners, fields[name], strict=True)]
                found.append({"field": name, "before": refer[0], "after": refer[1]})
    return found or None


def _rows_of(tx: Tx, subject_id: UUID) -> list[tuple[str, dict[str, Any], RowEffect, dict[str, tuple[Any, Any]]]]:
    """Return the rows of a subject: table, present values, effect, and the values before and after."""
    found: list[Any] = []
    for row in tx.pending_inserts(lambda table, row: _is_of(table, row, subject_id)):
        table, values = row
        fields = {name: (None, value) for name, value in values.items() if value is not None}
        found.append((table, values, RowEffect.CREATED, fields))
    if tx.connection.has_session:
        session = tx.session.sync_session
        for change in take_rows(session, lambda row: _is_of(row.__tablename__, row.__dict__, subject_id)):
            found.append((change.row.__tablename__, dict(change.row.__dict__), change.effect, change.fields))
    return found


def _is_of(table: str, values: Any, subject_id: UUID) -> bool:
    recorded = RECORDED.get(table)
    return recorded is not None and values.get(recorded.part_of) == subject_id


def _store(tx: Tx, audit_event_id: UUID, person_id: UUID | None, value: Any) -> dict[str, str] | None:
    """Store a personal value. Return the reference to it, or None where there is no value."""
    return None if value is None else store_value(tx, audit_event_id, person_id, value)


def store_value(tx: Tx, audit_event_id: UUID, person_id: UUID | None, value: Any) -> dict[str, str]:
    """Store a value that an audit row refers to. Return the reference, with a digest that hides the value."""
    salt, key = secrets.token_bytes(16), uuid7()
    text = to_json(value).decode()
    tx.insert(AuditValue, id=key, audit_event_id=audit_event_id, person_id=person_id, salt=salt, value=text)
    return {"ref": str(key), "digest": digest(salt, text)}


def digest(salt: bytes, text: str) -> str:
    """Return the digest of a personal value, which cannot be guessed without the salt."""
    return hashlib.sha256(salt + text.encode()).hexdigest()
