"""history of action items

Expand, then contract: a revision may add what the running release ignores, and remove only what the release before
no longer uses. Every revision goes up, down and up again without loss of what it did not itself add.

The stored rendering goes: it doubled the table, and each new field would have rewritten it while it is served. Dropping
the column writes nothing. Going down makes it anew, which rewrites the table.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
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
    op.drop_column("action_items", "json_head")
    op.execute("drop function action_item_json_1")
    op.add_column("action_items", sa.Column("done_owner_id", sa.Uuid(), nullable=True))
    # Nothing says who owned it when it was done: the present owner is the best that is known.
    op.execute("update action_items set done_owner_id = owner_id where status = 'done' and owner_id is not null")
    op.add_column("action_item_changes", sa.Column("changes", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("action_item_changes", "changes")
    op.drop_column("action_items", "done_owner_id")
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
