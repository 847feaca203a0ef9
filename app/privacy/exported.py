"""What an export holds of a person: the one place that decides it for every column that names somebody.

A column that names a person, or who acted, belongs in one of the two mappings below. A test fails until it does.
"""

from collections.abc import Mapping
from typing import Final

#: By column: the list of the export that has its rows.
EXPORTED: Final[Mapping[str, str]] = {
    "scim_users.person_id": "scim_users",
    "people.manager_id": "managed_people",
    "people.merged_into_id": "people",
    "person_external_ids.person_id": "people",
    "former_employments.person_id": "former_employments",
    "participants.person_id": "seats",
    "seat_changes.participant_id": "seat_history",
    "seat_changes.actor_id": "seat_history",
    "action_items.owner_id": "action_items",
    "action_items.done_owner_id": "action_items",
    "action_items.verified_by": "action_items",
    "action_item_changes.actor_id": "action_item_history",
    "action_item_notes.author_id": "action_item_notes",
    "assessment_changes.actor_id": "assessment_history",
    "stage_changes.actor_id": "implementation_history",
    "organization_moves.actor_id": "organization_moves",
    "consensus.recorded_by": "consensus",
    "administration_records.recorded_by": "administration_records",
    "principals.person_id": "principals",
    "role_grants.principal_id": "role_grants",
    "api_keys.principal_id": "api_keys",
    "identities.person_id": "sign_ins",
    "identities.principal_id": "sign_ins",
    "audit_events.actor_id": "audit_events_by",
    "audit_values.person_id": "audit_events_about",
}
#: By column: why the export does not have its rows.
LEFT_OUT: Final[Mapping[str, str]] = {
    "votes.participant_id": "A vote is read by the holder of its seat, at the route of votes.",
    "votes.entered_by": "It would show that a paper ballot was entered.",
    "invitation_codes.participant_id": "Only the hash of a code is stored. The history of the seat has the invitation.",
    "api_keys.maker_id": "Keys are read at their own route. The audit events have what the person made.",
    "former_key_secrets.maker_id": "Only hashes of secrets are stored, until they end.",
    "idempotency_keys.principal_id": "Answers to requests, which are deleted after 24 hours.",
    "metrics.recorded_by": "Figures are about organizations, and are read at their own route.",
    "jobs.created_by": "Jobs are read at their own route, and are deleted after a time.",
    "exports.principal_id": "Exports are read at their own route, and are deleted after a time.",
    "calendar_feeds.principal_id": "Calendar feeds are read at their own route.",
    "calendar_feeds.owner_id": "Calendar feeds are read at their own route.",
    "staged_people.person_id": "Rows of an import, which removes them before it commits.",
    "webhooks.principal_id": "Webhooks are read at their own route.",
    "connectors.principal_id": "Connectors are read at their own route.",
}
#: Columns of exported rows that are no data of the person: keys, hashes, and what the service derives.
INTERNAL: Final = frozenset(
    {
        "people.name_key",
        "scim_users.user_name_key",
        "scim_users.states_active",
        "person_external_ids.person_id",
        "api_keys.maker_id",
        "api_keys.secret_hash",
        "identities.provider_id",
        "participants.first_round",
        "participants.claims",
        "participants.sees_from",
        "participants.former_round",
        "participants.token_hash",
        "participants.holder_id",
        "participants.token_revoked_at",
        "participants.withdrawn_round",
        "participants.counted_round",
    }
)
