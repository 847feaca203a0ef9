"""The privileges of the role that serves requests, by table. It has no others, and none on a table that is not here.

A column that may be updated is named: identity, tenant, parent and date of a row never change. Tables that are only
added to have neither UPDATE nor DELETE. Rows that go with the row they belong to are deleted by the database, as their
owner.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from app.db.base import SET_BY_DATABASE, metadata

_CHANGED: Final = frozenset({"version", "updated_at"})


@dataclass(frozen=True, slots=True)
class Privileges:
    """What the serving role may do with a table besides reading it.

    Attributes:
        insert: whether it adds rows. It gives no value to a column that the database sets.
        update: the columns that it changes.
        delete: whether it removes rows.
    """

    insert: bool = False
    update: frozenset[str] = frozenset()
    delete: bool = False


def _row(*columns: str, delete: bool = True) -> Privileges:
    """Return the privileges for rows with a version."""
    return Privileges(insert=True, update=_CHANGED.union(columns), delete=delete)


_READ: Final = Privileges()
_ADD: Final = Privileges(insert=True)
_ADD_AND_REMOVE: Final = Privileges(insert=True, delete=True)

PRIVILEGES: Final[Mapping[str, Privileges]] = {
    # Made by the owner: on the command line, by migrations and by functions.
    "alembic_version": _READ,
    "audit_chains": _READ,
    "claimed_roles": _READ,
    "drivers": _READ,
    "event_feeds": _READ,
    "identities": _READ,
    "identity_providers": _READ,
    "instrument_versions": _READ,
    "instruments": _READ,
    "tenants": _READ,
    # Only added.
    "action_item_changes": _ADD,
    "action_item_notes": _ADD,
    "assessment_changes": _ADD,
    "audit_events": _ADD,
    "audit_values": _ADD,
    "former_employments": _ADD,
    "organization_moves": _ADD,
    "outbox_events": _ADD,
    "scoring_profiles": _ADD,
    "seat_changes": _ADD,
    "stage_changes": _ADD,
    # Added and removed.
    "invitation_codes": _ADD_AND_REMOVE,
    "organization_external_ids": _ADD_AND_REMOVE,
    "person_external_ids": _ADD_AND_REMOVE,
    # Who may call. A key's principal, and a grant's role, principal and organization, stay what they were.
    "api_keys": _row(
        "name",
        "secret_hash",
        "maker_id",
        "allowed_networks",
        "expires_at",
        "revoked_at",
        "last_used_at",
        delete=False,
    ),
    "former_key_secrets": Privileges(insert=True, update=frozenset({"ends_at", "maker_id"}), delete=True),
    "principals": _row("name", "organization_id", "person_id", "deactivated_at", delete=False),
    "role_grants": _row("starts_at", "ends_at"),
    # The tree and who works in it.
    "organizations": _row("parent_id", "kind", "name", "name_key", "staff_count", "timezone", "archived_at"),
    "organization_places": Privileges(
        insert=True, update=frozenset({"path", "depth", "archived_by_id", "timezone_from_id"}), delete=True
    ),
    "people": _row(
        "organization_id",
        "name",
        "name_key",
        "active",
        "email",
        "employee_number",
        "position",
        "department",
        "manager_id",
        "on_leave",
        "hired_on",
        "left_on",
        "merged_into_id",
        "erased_at",
    ),
    "programs": _row("organization_id", "name", "name_key", "description", "website"),
    "implementations": _row("stage", "ended_at"),
    # Assessments and their parts. Policies keep all of this as it is once an assessment is final.
    "assessments": _row(
        "instrument_version_id",
        "scoring_profile_id",
        "title",
        "mode",
        "state",
        "stage",
        "round",
        "revealed_round",
        "administered_on",
        "opens_at",
        "closes_at",
        "opened_at",
        "closed_at",
        "finalized_at",
        "signal_metric_ids",
    ),
    "participants": _row(
        "seat",
        "channel",
        "perspective",
        "label",
        "person_id",
        "first_round",
        "claims",
        "claimed_at",
        "sees_from",
        "former_round",
        "holder_id",
        "token_hash",
        "token_revoked_at",
        "withdrawn_at",
        "withdrawn_round",
        "counted_round",
        delete=False,
    ),
    "votes": _row("value", "comment", "claim", "deferred", "entered_by", delete=False),
    "consensus": _row("value", "note", "method", "dissent", "recorded_by"),
    "practice_ratings": _row("importance", "feasibility", "left_unscored"),
    "administration_records": _row(
        "roles_present",
        "checklist",
        "evidence_reviewed",
        "duration_minutes",
        "deviations",
        "recorded_by",
        delete=False,
    ),
    "action_items": _row(
        "assessment_id",
        "practices",
        "title",
        "title_key",
        "description",
        "status",
        "owner_id",
        "due_on",
        "effort",
        "expected_level",
        "gap_score",
        "verified_by",
        "done_at",
        "done_owner_id",
    ),
    # Figures. Their numbers never change; a correction is another row.
    "metrics": _row("state", "ended_at", "withdrawal_reason", delete=False),
    "metric_feeds": Privileges(insert=True, update=frozenset({"recorded_at"})),
    # Webhooks. A secret can be added and removed, never changed; the organization and the creator stay.
    "webhooks": _row("url", "description", "event_types", "enabled", "disabled_reason", "disabled_at"),
    "webhook_secrets": Privileges(insert=True, update=frozenset({"ends_at"}), delete=True),
    "webhook_cursors": Privileges(
        insert=True, update=frozenset({"position", "replay_position", "replay_until", "failing_since", "failed_at"})
    ),
    "webhook_messages": _ADD_AND_REMOVE,
    "webhook_queues": Privileges(
        insert=True, update=frozenset({"due_at", "position", "attempt", "held_by", "held_until"}), delete=True
    ),
    "webhook_deliveries": _ADD_AND_REMOVE,
    "roster_sources": Privileges(insert=True, update=frozenset({"columns", "rows", "scopes", "imported_at"})),
    # The rows of an import, which its transaction removes.
    "staged_organizations": Privileges(
        insert=True,
        update=frozenset(
            {
                "organization_id",
                "is_new",
                "is_foreign",
                "parent_id",
                "matches",
                "changed",
                "moves",
                "restores",
                "archives",
                "path",
                "depth",
                "archived_by_id",
                "timezone_from_id",
                "is_blocked",
                "place",
            }
        ),
        delete=True,
    ),
    "staged_people": Privileges(
        insert=True,
        update=frozenset(
            {
                "person_id",
                "status",
                "active",
                "on_leave",
                "hired_on",
                "left_on",
                "is_new",
                "organization_id",
                "matches",
                "manager_id",
                "changed",
                "is_settled",
                "is_former",
                "turn",
                "place",
            }
        ),
        delete=True,
    ),
    "webhook_leftovers": _ADD_AND_REMOVE,
    # Connectors. The kind, the source, the organization and the creator stay.
    "connectors": _row("name", "settings", "interval_minutes", "enabled", "disabled_reason", "disabled_at"),
    "connector_states": Privileges(
        insert=True, update=frozenset({"secret", "watermark", "next_run_at", "succeeded_at"})
    ),
    "connector_runs": Privileges(insert=True, update=frozenset({"watermark", "errors"})),
    # Identity providers. A token's secret stays what it was.
    "scim_tokens": _row("revoked_at", "last_used_at", delete=False),
    "scim_group_mappings": _row(),
    "scim_group_members": _ADD_AND_REMOVE,
    "scim_groups": _row("display_name", "display_name_key", "external_id"),
    "scim_role_grants": _ADD_AND_REMOVE,
    "scim_users": _row(
        "person_id",
        "user_name",
        "user_name_key",
        "external_id",
        "display_name",
        "formatted_name",
        "given_name",
        "family_name",
        "emails",
        "states_active",
        "deleted_at",
    ),
    # A calendar feed is made and deleted, never changed. To lock a row takes the right to change a column of it.
    "calendar_feeds": _row(),
    # What an export is to hold never changes.
    "exports": _row("roles", "columns", "file_id", "rows", "finished_at"),
    # Of the service itself. What a job is to do never changes.
    "jobs": _row(
        "dedupe_key",
        "state",
        "due_at",
        "attempt",
        "held_by",
        "held_until",
        "cancel_requested",
        "done",
        "total",
        "outcome",
        "finished_at",
    ),
    # Chunks go with their file.
    "files": Privileges(insert=True, update=frozenset({"size", "sha256"}), delete=True),
    "file_chunks": _ADD,
    "idempotency_keys": Privileges(
        insert=True, update=frozenset({"request_hash", "created_at", "status", "headers", "body"}), delete=True
    ),
    "schedules": Privileges(insert=True, update=frozenset({"due_at", "held_by", "held_until"})),
}

#: The functions that run as the owner: what the service does before it knows a tenant or for all of them, and what
#: policies compare with. Each does one thing.
FUNCTIONS: Final = frozenset(
    {
        "assessment_is_final(uuid)",
        "connectors_due()",
        "erase_audit_values(uuid,uuid)",
        "erase_person_traces(uuid,uuid)",
        "final_state_is_recorded(uuid)",
        "find_identity_provider(text)",
        "job_counts()",
        "job_tenants(text[])",
        "key_revoked_at(uuid)",
        "list_tenant_ids()",
        "lock_audit_chain(uuid,boolean)",
        "longest_job_wait()",
        "oldest_unsealed()",
        "purge_events(uuid,timestamp with time zone,integer)",
        "remove_expired_invitations(text[],timestamp with time zone)",
        "seal_audit_events(uuid,boolean,bigint,uuid[],bytea[],timestamp with time zone)",
        "seal_events(uuid,integer)",
        "seat_counts_as_before(uuid,text,text,text,integer,timestamp with time zone,integer,integer)",
        "spend_invitation_attempt(text,bytea,timestamp with time zone)",
        "tenants_to_audit()",
        "tenants_to_seal()",
        "webhook_backlog()",
        "webhook_tenants()",
    }
)


def columns_to_insert(table: str) -> frozenset[str] | None:
    """Return the columns that the role gives values to; None for all of them."""
    known = metadata.tables.get(table)
    columns = [] if known is None else [column for column in known.columns if column.computed is None]
    taken = [column.name for column in columns if SET_BY_DATABASE not in column.info]
    return None if len(taken) == len(columns) else frozenset(taken)
