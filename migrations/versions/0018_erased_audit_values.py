"""erased audit values

The serving role cannot change the audit trail. A function of the owner empties what it keeps of a person.
"""

from alembic import op

from app.db.schema.isolation import PINNED

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

# A transaction that names another tenant erases nothing.
_ERASE = """
create function erase_audit_values(of_tenant uuid, of_person uuid) returns bigint
language sql {pinned} as $$
    with erased as (
        update public.audit_values v set salt = null, value = null, erased_at = clock_timestamp()
        where v.tenant_id = of_tenant and v.person_id = of_person and v.erased_at is null
        and of_tenant = nullif(current_setting('app.tenant', true), '')::uuid
        returning 1
    )
    select count(*) from erased
$$
"""


def upgrade() -> None:
    op.execute(_ERASE.format(pinned=PINNED))
    op.execute("revoke execute on function erase_audit_values from public")


def downgrade() -> None:
    op.execute("drop function erase_audit_values")
