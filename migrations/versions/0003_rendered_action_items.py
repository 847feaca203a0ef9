"""rendered action items

Expand, then contract: a revision may add what the running release ignores, and remove only what the release before
no longer uses. Every revision goes up, down and up again without loss of what it did not itself add.

Adding the column writes the table anew and holds it meanwhile: about six seconds for 100,000 items.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


# PostgreSQL does not take what this is made of for immutable: other uses of the same functions depend on settings of the
# session, these do not. It is PL/pgSQL because one in SQL would be planned anew by every statement that calls it.
_RENDER = """
create function action_item_json_1(
    id uuid, version integer, created_at timestamptz, updated_at timestamptz, organization_id uuid, assessment_id uuid,
    practices text[], title varchar, description varchar, status varchar, owner_id uuid, due_on date, effort varchar,
    expected_level integer, gap_score integer, verified_by uuid, done_at timestamptz
) returns bytea language plpgsql immutable parallel safe set search_path = pg_catalog as $$
declare
    micros constant text := 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"';
    whole constant text := '.000000Z';
begin
    return (
        select convert_to(left(row_to_json(item)::text, -1), 'UTF8')
        from (
            select
                id, version,
                replace(to_char(timezone('UTC', created_at), micros), whole, 'Z') as created_at,
                replace(to_char(timezone('UTC', updated_at), micros), whole, 'Z') as updated_at,
                organization_id, assessment_id, practices, title, description, status, owner_id, due_on, effort,
                expected_level, gap_score, verified_by,
                replace(to_char(timezone('UTC', done_at), micros), whole, 'Z') as done_at,
                case when assessment_id is null then 'free' else 'gap' end as source
        ) as item
    );
end
$$
"""


def upgrade() -> None:
    op.execute(_RENDER)
    op.add_column(
        "action_items",
        sa.Column(
            "json_head",
            sa.LargeBinary(),
            sa.Computed(
                "action_item_json_1(id, version, created_at, updated_at, organization_id, assessment_id, practices, "
                "title, description, status, owner_id, due_on, effort, expected_level, gap_score, verified_by, "
                "done_at)",
                persisted=True,
            ),
            nullable=False,
        ),
    )
    op.create_index(
        "ix_action_items_organization_due",
        "action_items",
        ["tenant_id", "organization_id", "due_sort", "id"],
        unique=False,
    )


def downgrade() -> None:
    op.drop_index("ix_action_items_organization_due", table_name="action_items")
    op.drop_column("action_items", "json_head")
    op.execute("drop function action_item_json_1")
