"""erased people

A person can be erased: the row stays as a placeholder. History, sign-ins and the audit trail are not the serving role's
to change, so a function of the owner empties what they say of a person who is marked as erased. The new column is null.
"""

import sqlalchemy as sa
from alembic import op

from app.db.schema.isolation import PINNED

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

# What a person did is recorded under the principal that stands for the person, and under the seats they hold.
_ERASE = """
create function erase_person_traces(of_tenant uuid, of_person uuid) returns void
language plpgsql {pinned} as $$
declare
    acting uuid[];
begin
    if of_tenant is distinct from nullif(current_setting('app.tenant', true), '')::uuid then
        raise insufficient_privilege using message = 'the transaction is of another tenant';
    end if;
    if not exists (
        select from public.people p where p.tenant_id = of_tenant and p.id = of_person and p.erased_at is not null
    ) then
        raise insufficient_privilege using message = 'the person is not marked as erased';
    end if;
    acting := array(
        select r.id from public.principals r where r.tenant_id = of_tenant and r.person_id = of_person
        union all
        select s.id from public.participants s where s.tenant_id = of_tenant and s.person_id = of_person
    );
    update public.audit_values v set salt = null, value = null, erased_at = clock_timestamp()
    where v.tenant_id = of_tenant and v.person_id = any(acting || of_person) and v.erased_at is null;
    update public.action_item_changes c set actor_name = 'Erased person'
    where c.tenant_id = of_tenant and c.actor_id = any(acting) and c.actor_name <> 'Erased person';
    update public.action_item_notes n set author_name = 'Erased person'
    where n.tenant_id = of_tenant and n.author_id = any(acting) and n.author_name <> 'Erased person';
    update public.assessment_changes c set actor_name = 'Erased person'
    where c.tenant_id = of_tenant and c.actor_id = any(acting) and c.actor_name <> 'Erased person';
    update public.organization_moves m set actor_name = 'Erased person'
    where m.tenant_id = of_tenant and m.actor_id = any(acting) and m.actor_name <> 'Erased person';
    update public.seat_changes c set actor_name = 'Erased person'
    where c.tenant_id = of_tenant and c.actor_id = any(acting) and c.actor_name <> 'Erased person';
    delete from public.identities i where i.tenant_id = of_tenant and i.person_id = of_person;
    delete from public.former_employments f where f.tenant_id = of_tenant and f.person_id = of_person;
end
$$
"""


def upgrade() -> None:
    op.add_column("people", sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(_ERASE.format(pinned=PINNED))
    op.execute("revoke execute on function erase_person_traces from public")
    # The name of a key may name a person, and followers can read it from the key.
    op.execute("update outbox_events set data = data - 'name' where type = 'api_key.created'")


def downgrade() -> None:
    op.execute("drop function erase_person_traces")
    op.drop_column("people", "erased_at")
