"""employment

What HR systems say of a person: ids, e-mail address, position, manager, and the employment with its days. All new
columns are null or have a constant default, so no row is rewritten, and an earlier release writes rows as before.
"""

import sqlalchemy as sa
from alembic import op

from app.db.schema.isolation import isolate

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def _columns() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("employee_number", sa.String(length=200), nullable=True),
        sa.Column("position", sa.String(length=200), nullable=True),
        sa.Column("department", sa.String(length=200), nullable=True),
        sa.Column("manager_id", sa.Uuid(), nullable=True),
        sa.Column("on_leave", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("hired_on", sa.Date(), nullable=True),
        sa.Column("left_on", sa.Date(), nullable=True),
        sa.Column("merged_into_id", sa.Uuid(), nullable=True),
    )


_REFERENCES = ("manager_id", "merged_into_id")
_INDEXES = {
    "ix_people_email": "email",
    "ix_people_employee_number": "employee_number",
    "ix_people_manager": "manager_id",
    "ix_people_merged": "merged_into_id",
}


def _to_person(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", "person_id"],
        ["people.tenant_id", "people.id"],
        name=op.f(f"fk_{table}_tenant_id_person_id_people"),
        ondelete="CASCADE",
    )


def _to_tenant(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f(f"fk_{table}_tenant_id_tenants"))


def upgrade() -> None:
    for column in _columns():
        op.add_column("people", column)
    for column_name in _REFERENCES:
        op.create_foreign_key(
            op.f(f"fk_people_tenant_id_{column_name}_people"),
            "people",
            "people",
            ["tenant_id", column_name],
            ["tenant_id", "id"],
        )
    op.create_check_constraint("other_manager", "people", "manager_id <> id")
    op.create_check_constraint("employment", "people", "left_on >= hired_on")
    op.create_check_constraint("merged", "people", "merged_into_id is null or not active")
    for index, column_name in _INDEXES.items():
        op.create_index(
            index, "people", ["tenant_id", column_name], postgresql_where=sa.text(f"{column_name} is not null")
        )
    op.create_table(
        "person_external_ids",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.String(length=100), nullable=False),
        sa.Column("external_id", sa.String(length=200), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        _to_person("person_external_ids"),
        _to_tenant("person_external_ids"),
        sa.PrimaryKeyConstraint("tenant_id", "source", "external_id", name=op.f("pk_person_external_ids")),
    )
    op.create_index("ix_person_external_ids_person", "person_external_ids", ["tenant_id", "person_id"])
    op.create_table(
        "former_employments",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("employee_number", sa.String(length=200), nullable=True),
        sa.Column("position", sa.String(length=200), nullable=True),
        sa.Column("department", sa.String(length=200), nullable=True),
        sa.Column("hired_on", sa.Date(), nullable=True),
        sa.Column("left_on", sa.Date(), nullable=True),
        _to_person("former_employments"),
        _to_tenant("former_employments"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_former_employments")),
    )
    op.create_index("ix_former_employments_person", "former_employments", ["tenant_id", "person_id", "id"])
    for table in ("person_external_ids", "former_employments"):
        for statement in isolate(table):
            op.execute(statement)


def downgrade() -> None:
    op.drop_table("former_employments")
    op.drop_table("person_external_ids")
    for index in _INDEXES:
        op.drop_index(index, table_name="people")
    op.drop_constraint(op.f("ck_people_merged"), "people", type_="check")
    op.drop_constraint(op.f("ck_people_employment"), "people", type_="check")
    op.drop_constraint(op.f("ck_people_other_manager"), "people", type_="check")
    for column_name in _REFERENCES:
        op.drop_constraint(op.f(f"fk_people_tenant_id_{column_name}_people"), "people", type_="foreignkey")
    for column in reversed(_columns()):
        op.drop_column("people", column.name)
