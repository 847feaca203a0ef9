"""search keys

The keys that names are found and sorted by leave out accents, typographic quotes and dashes, and names lose blanks
and characters that cannot be seen. The keys are computed by the service's own function, so that a row of today and
one of tomorrow sort alike; PostgreSQL has none that folds alike on every server. Only names that are not plain ASCII
are read, in batches, and only those that differ are written. The SQL that is printed without a database has no rows
to read.
"""

from collections.abc import Callable
from uuid import UUID

import sqlalchemy as sa
from alembic import context, op

from app.text import clean_name, search_key

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_COLUMNS = (
    ("organizations", "name"),
    ("people", "name"),
    ("programs", "name"),
    ("action_items", "title"),
)
_BATCH = 1000


def upgrade() -> None:
    _rewrite(clean_name, search_key)


def downgrade() -> None:
    _rewrite(str, str.casefold)


def _rewrite(clean: Callable[[str], str], fold: Callable[[str], str]) -> None:
    if context.is_offline_mode():
        return
    for table, column in _COLUMNS:
        _rewrite_table(table, column, clean if column == "name" else str, fold)


def _rewrite_table(table: str, column: str, clean: Callable[[str], str], fold: Callable[[str], str]) -> None:
    bind, key = op.get_bind(), f"{column}_key"
    page = sa.text(
        f"select tenant_id, id, {column}, {key} from {table} "  # noqa: S608  # names of this module
        "where (tenant_id, id) > (:tenant_id, :id) "
        f"and {column} collate \"C\" ~ '[^!-~ ]|`|  |^ | $' order by tenant_id, id limit {_BATCH}"
    )
    change = sa.text(
        f"update {table} set {column} = :name, {key} = :key, version = version + cast(:changed as integer), "  # noqa: S608
        "updated_at = case when cast(:changed as integer) = 0 then updated_at "
        "else greatest(clock_timestamp(), updated_at + interval '1 microsecond') end "
        "where tenant_id = :tenant_id and id = :id"
    )
    last = {"tenant_id": UUID(int=0), "id": UUID(int=0)}
    while rows := bind.execute(page, last).all():
        for tenant_id, id_, name, known in rows:
            cleaned = clean(name) or name
            wanted = fold(cleaned)
            last = {"tenant_id": tenant_id, "id": id_}
            if (cleaned, wanted) != (name, known):
                bind.execute(change, {**last, "name": cleaned, "key": wanted, "changed": int(cleaned != name)})
