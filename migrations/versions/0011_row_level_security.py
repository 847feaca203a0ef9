"""row-level security

The service sees the rows of one tenant at a time, whatever its queries say. Enabling it writes no row and takes each
table's lock for a moment. Earlier commits do not name their tenant when they read and would find nothing, so none of
them may serve meanwhile: stop them first. No release came before this one.

What must be found before its tenant is known, or for all tenants, goes through functions that run as the owner. Each
does one thing and gives no more than it must.
"""

from alembic import op

from app.db.schema.isolation import PINNED, isolate, open_up

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_TABLES = (
    "action_item_changes",
    "action_item_notes",
    "action_items",
    "administration_records",
    "api_keys",
    "assessment_changes",
    "assessments",
    "audit_events",
    "consensus",
    "drivers",
    "former_key_secrets",
    "idempotency_keys",
    "implementations",
    "instrument_versions",
    "instruments",
    "invitation_codes",
    "organization_external_ids",
    "organization_moves",
    "organization_places",
    "organizations",
    "outbox_events",
    "participants",
    "people",
    "practice_ratings",
    "principals",
    "programs",
    "role_grants",
    "scoring_profiles",
    "seat_changes",
    "stage_changes",
    "votes",
)
_LIST_TENANTS = """
create function list_tenant_ids() returns setof uuid language sql stable {pinned} as
'select id from public.tenants order by id'
"""
# The attempt is counted whether or not the code is right. A code opens nothing after five attempts.
_SPEND_ATTEMPT = """
create function spend_invitation_attempt(selector text, verifier_hash bytea, moment timestamptz)
returns table (tenant_id uuid, assessment_id uuid, participant_id uuid) language sql volatile {pinned} as $$
    with spent as (
        update public.invitation_codes c set attempts = c.attempts + 1
        where c.selector = $1 and c.attempts < 5 and c.expires_at > $3
        returning c.verifier_hash, c.tenant_id, c.assessment_id, c.participant_id
    )
    select s.tenant_id, s.assessment_id, s.participant_id from spent s where s.verifier_hash = $2
$$
"""
# Selectors are shared by all tenants. Only what has expired by the database's clock too is removed.
_REMOVE_EXPIRED = """
create function remove_expired_invitations(selectors text[], moment timestamptz)
returns void language sql volatile {pinned} as $$
    delete from public.invitation_codes c
    where c.selector = any($1) and c.expires_at <= least($2, clock_timestamp())
$$
"""


def upgrade() -> None:
    for statement in isolate("tenants", column="id"):
        op.execute(statement)
    for table in _TABLES:
        for statement in isolate(table):
            op.execute(statement)
    for function in (_LIST_TENANTS, _SPEND_ATTEMPT, _REMOVE_EXPIRED):
        op.execute(function.format(pinned=PINNED))
    for name in (
        "list_tenant_ids()",
        "spend_invitation_attempt(text, bytea, timestamptz)",
        "remove_expired_invitations(text[], timestamptz)",
    ):
        op.execute(f"revoke execute on function {name} from public")


def downgrade() -> None:
    for name in ("remove_expired_invitations", "spend_invitation_attempt", "list_tenant_ids"):
        op.execute(f"drop function {name}")
    for table in ("tenants", *_TABLES):
        for statement in open_up(table):
            op.execute(statement)
