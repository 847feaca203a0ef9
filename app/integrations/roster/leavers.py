"""The rule that a tenant keeps an admin, for a file: the whole file is refused, and its faults name the admins."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

from sqlalchemy import text

from app.access.last_admin import LastAdmin, keep_an_admin_without
from app.db.statement import Read
from app.db.transaction import Tx
from app.integrations.roster.files import Fault
from app.integrations.roster.staging import Staged

#: Those who leave, and are admins of the whole tenant or made the key of one. Who is not in the file has no line.
_ADMINS_WHO_LEAVE: Final = Read(
    text(
        """
        select s.person_id, case when s.line > 0 then s.line end as line
        from staged_people s
        where s.import_id = :import_id and s.turn = 'left' and exists (
            select from role_grants g
                join organizations o on o.tenant_id = g.tenant_id and o.id = g.organization_id and o.parent_id is null
                join principals p on p.tenant_id = g.tenant_id and p.id = g.principal_id
            where g.tenant_id = :tenant_id and g.role = 'admin' and (
                p.person_id = s.person_id
                or exists (select from api_keys k where k.tenant_id = :tenant_id and k.principal_id = p.id
                    and k.maker_id = s.person_id)))
        order by s.line
        """
    )
)


class AdminsLeave(Exception):
    """The import would leave the tenant without an admin.

    Attributes:
        faults: the rows of the admins, and one without a line for those who are not in the file.
    """

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(LastAdmin.title)
        self.faults = faults


@asynccontextmanager
async def keep_an_admin_of(tx: Tx, staged: Staged) -> AsyncIterator[None]:
    """Write the people of a file.

    Raises:
        AdminsLeave: the tenant had an admin before and has none afterwards.
    """
    leaving = await staged.fetch(tx, _ADMINS_WHO_LEAVE)
    if not leaving:
        yield
        return
    try:
        async with keep_an_admin_without(tx, [UUID(int=row["person_id"].int) for row in leaving]):
            yield
    except LastAdmin:
        lines = dict.fromkeys(row["line"] for row in leaving)
        raise AdminsLeave([Fault(line, "status", LastAdmin.code, _message(line)) for line in lines]) from None


def _message(line: int | None) -> str:
    if line is None:
        return "An admin who is not in the file would leave, and the tenant would be left without an admin"
    return LastAdmin.title
