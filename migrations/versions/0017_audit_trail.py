"""audit trail

Audit rows get the operation, the address and the values before and after; personal values stand in a separate
table. Rows about votes get a separate chain. The serving role may only add rows; functions of the owner seal them.
New columns are null or have a constant default, so no row is rewritten but those about votes.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from app.db.schema.isolation import PINNED, isolate

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_TENANTS = """
create function tenants_to_audit() returns setof uuid
language sql stable {pinned} as $$
    select distinct tenant_id from public.audit_events where seal is null
$$
"""
# The lock is held until the transaction ends.
_LOCK = """
create function lock_audit_chain(of_tenant uuid, is_hidden boolean) returns table (sequence bigint, seal bytea)
language plpgsql {pinned} as $$
begin
    if of_tenant is distinct from nullif(current_setting('app.tenant', true), '')::uuid then
        raise insufficient_privilege using message = 'the transaction is of another tenant';
    end if;
    if not exists (select from public.audit_chains c where c.tenant_id = of_tenant and c.hidden = is_hidden) then
        insert into public.audit_chains (tenant_id, hidden, sequence, seal)
        values (of_tenant, is_hidden, 0, decode(repeat('00', 32), 'hex')) on conflict do nothing;
    end if;
    return query select c.sequence, c.seal from public.audit_chains c
        where c.tenant_id = of_tenant and c.hidden = is_hidden for update skip locked;
end
$$
"""
_SEAL = """
create function seal_audit_events(
    of_tenant uuid, is_hidden boolean, former bigint, ids uuid[], seals bytea[], moment timestamptz
) returns integer
language plpgsql {pinned} as $$
declare
    sealed integer;
begin
    if of_tenant is distinct from nullif(current_setting('app.tenant', true), '')::uuid then
        raise insufficient_privilege using message = 'the transaction is of another tenant';
    end if;
    update public.audit_chains c set sequence = former + cardinality(ids), seal = seals[cardinality(seals)]
    where c.tenant_id = of_tenant and c.hidden = is_hidden and c.sequence = former;
    if not found or cardinality(ids) <> cardinality(seals) then
        raise exception 'the chain has another head';
    end if;
    update public.audit_events e set sequence = former + n.place, seal = n.seal, sealed_at = moment
    from unnest(ids, seals) with ordinality as n (id, seal, place)
    where e.tenant_id = of_tenant and e.hidden = is_hidden and e.seal is null and e.id = n.id;
    get diagnostics sealed = row_count;
    if sealed <> cardinality(ids) then
        raise exception 'a row is sealed already';
    end if;
    return sealed;
end
$$
"""
_FUNCTIONS = ("tenants_to_audit", "lock_audit_chain", "seal_audit_events")


def upgrade() -> None:
    json = postgresql.JSONB(none_as_null=True, astext_type=sa.Text())
    for column in (
        sa.Column("operation", sa.String(length=60), nullable=True),
        sa.Column("code", sa.String(length=100), nullable=True),
        sa.Column("source_address", sa.String(length=64), nullable=True),
        sa.Column("source_ref", json, nullable=True),
        sa.Column("changes", json, nullable=True),
        sa.Column("hidden", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=True),
    ):
        op.add_column("audit_events", column)
    op.alter_column("audit_events", "recorded_at", server_default=sa.text("clock_timestamp()"))
    op.alter_column("audit_events", "subject_id", nullable=True)
    op.execute(
        "update audit_events set hidden = true where action in ('assessment.vote_cast', 'assessment.vote_replaced')"
    )
    op.create_index(
        "ix_audit_events_created",
        "audit_events",
        ["tenant_id", "created_at", "id"],
        unique=False,
        postgresql_where=sa.text("not hidden"),
    )
    op.create_index("uq_audit_events_sequence", "audit_events", ["tenant_id", "hidden", "sequence"], unique=True)
    op.create_table(
        "audit_values",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("audit_event_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_audit_values_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_audit_values")),
    )
    op.create_index("ix_audit_values_event", "audit_values", ["tenant_id", "audit_event_id"], unique=False)
    op.create_index(
        "ix_audit_values_person",
        "audit_values",
        ["tenant_id", "person_id"],
        unique=False,
        postgresql_where=sa.text("person_id is not null"),
    )
    op.create_table(
        "audit_chains",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("hidden", sa.Boolean(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_audit_chains_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "hidden", name=op.f("pk_audit_chains")),
    )
    for table in ("audit_values", "audit_chains"):
        for statement in isolate(table):
            op.execute(statement)
    for function in (_TENANTS, _LOCK, _SEAL):
        op.execute(function.format(pinned=PINNED))
    for name in _FUNCTIONS:
        op.execute(f"revoke execute on function {name} from public")


def downgrade() -> None:
    for name in _FUNCTIONS:
        op.execute(f"drop function {name}")
    op.drop_table("audit_chains")
    op.drop_table("audit_values")
    op.drop_index("uq_audit_events_sequence", table_name="audit_events")
    op.drop_index("ix_audit_events_created", table_name="audit_events")
    op.execute("delete from audit_events where subject_id is null")
    op.execute("update audit_events set sequence = null, seal = null, sealed_at = null where seal is not null")
    op.alter_column("audit_events", "subject_id", nullable=False)
    for name in ("recorded_at", "hidden", "changes", "source_ref", "source_address", "code", "operation"):
        op.drop_column("audit_events", name)
