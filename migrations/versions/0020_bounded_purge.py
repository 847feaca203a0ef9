"""bounded purge

The function that removes events leaves those that the database recorded within a day, whatever instant it is called
with. A fault in the service then cannot remove an event before its followers had a day to read it.
"""

from alembic import op

from app.db.schema.isolation import PINNED

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

# The feed loses a beginning, never something in the middle.
_PURGE = """
create or replace function purge_events(of_tenant uuid, older_than timestamptz, most integer) returns integer
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
            select e.position, e.created_at{recorded} from public.outbox_events e
            where e.tenant_id = of_tenant and e.position is not null
            order by e.position limit most
        ) kept where kept.created_at >= older_than{bound}
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
# Events of before 0014 have no instant of the database.
_BOUND = " or kept.recorded_at > clock_timestamp() - interval '1 day'"


def upgrade() -> None:
    op.execute(_PURGE.format(pinned=PINNED, recorded=", e.recorded_at", bound=_BOUND))


def downgrade() -> None:
    op.execute(_PURGE.format(pinned=PINNED, recorded="", bound=""))
