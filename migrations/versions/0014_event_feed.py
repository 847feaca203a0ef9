"""event feed

Events get positions after their commit. The serving role may only add events; functions of the owner give positions
and remove what is no longer kept. A new column without a default is added first, so that no row is rewritten.
"""

import sqlalchemy as sa
from alembic import op

from app.db.schema.isolation import PINNED, isolate

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

# The lock of the feed's row decides which process gives positions. Each statement of the function sees what has been
# committed before it, because its transaction is READ COMMITTED.
_SEAL = """
create function seal_events(of_tenant uuid, most integer) returns integer
language plpgsql {pinned} as $$
declare
    former bigint;
    sealed integer;
begin
    if of_tenant is distinct from nullif(current_setting('app.tenant', true), '')::uuid then
        raise insufficient_privilege using message = 'the transaction is of another tenant';
    end if;
    if not exists (select from public.event_feeds f where f.tenant_id = of_tenant) then
        insert into public.event_feeds (tenant_id, position, purged) values (of_tenant, 0, 0) on conflict do nothing;
    end if;
    select f.position into former from public.event_feeds f where f.tenant_id = of_tenant for update skip locked;
    if not found then
        return -1;
    end if;
    update public.outbox_events e set position = former + o.place
    from (
        select w.id, row_number() over (order by w.recorded_at nulls first, w.id) as place
        from (
            select id, recorded_at from public.outbox_events
            where tenant_id = of_tenant and position is null
            order by recorded_at nulls first, id limit most
        ) w
    ) o
    where e.tenant_id = of_tenant and e.id = o.id;
    get diagnostics sealed = row_count;
    if sealed > 0 then
        update public.event_feeds f set position = former + sealed where f.tenant_id = of_tenant;
    end if;
    return sealed;
end
$$
"""
_TENANTS = """
create function tenants_to_seal() returns setof uuid
language sql stable {pinned} as $$
    select distinct tenant_id from public.outbox_events where position is null
$$
"""
# The feed loses a beginning, never something in the middle.
_PURGE = """
create function purge_events(of_tenant uuid, older_than timestamptz, most integer) returns integer
language plpgsql {pinned} as $$
declare
    last bigint;
    purged_now integer;
begin
    if of_tenant is distinct from nullif(current_setting('app.tenant', true), '')::uuid then
        raise insufficient_privilege using message = 'the transaction is of another tenant';
    end if;
    perform from public.event_feeds f where f.tenant_id = of_tenant for update;
    select max(old.position) into last from (
        select e.position, e.created_at from public.outbox_events e
        where e.tenant_id = of_tenant and e.position is not null
        order by e.position limit most
    ) old
    where old.position < coalesce((
        select min(kept.position) from (
            select e.position, e.created_at from public.outbox_events e
            where e.tenant_id = of_tenant and e.position is not null
            order by e.position limit most
        ) kept where kept.created_at >= older_than
    ), 9223372036854775807);
    if last is null then
        return 0;
    end if;
    delete from public.outbox_events e where e.tenant_id = of_tenant and e.position <= last;
    get diagnostics purged_now = row_count;
    update public.event_feeds f set purged = last where f.tenant_id = of_tenant;
    return purged_now;
end
$$
"""


def upgrade() -> None:
    op.add_column("outbox_events", sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=True))
    op.alter_column("outbox_events", "recorded_at", server_default=sa.text("clock_timestamp()"))
    op.create_table(
        "event_feeds",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("purged", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_event_feeds_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_event_feeds")),
    )
    for statement in isolate("event_feeds"):
        op.execute(statement)
    for function in (_SEAL, _TENANTS, _PURGE):
        op.execute(function.format(pinned=PINNED))
    for name in ("seal_events", "tenants_to_seal", "purge_events"):
        op.execute(f"revoke execute on function {name} from public")


def downgrade() -> None:
    for name in ("purge_events", "tenants_to_seal", "seal_events"):
        op.execute(f"drop function {name}")
    op.drop_table("event_feeds")
    op.execute("update outbox_events set position = null where position is not null")
    op.drop_column("outbox_events", "recorded_at")
