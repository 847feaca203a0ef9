"""Importing texts as files of organizations."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from app.integrations.roster.import_service import Faulty, ImportMode, ImportReport
from app.integrations.roster.organization_import import import_organizations
from app.principal import Grant, Role
from app.provisioning import operators_transaction
from app.tree.paths import segment
from tests.support.actors import Tenancy

HEADER = "external_id,name,kind,parent,timezone,staff_count\n"


async def ignore(_report: ImportReport) -> None:
    """Do without the progress."""


class TreeImporter:
    """Imports texts as files of one source, as the command line does."""

    def __init__(self, tenancy: Tenancy, folder: Path) -> None:
        self.tenancy = tenancy
        self.path = folder / "organizations.csv"

    async def __call__(
        self,
        text: str,
        mode: str = "merge",
        *,
        force: bool = False,
        progress: Callable[[ImportReport], Awaitable[None]] = ignore,
    ) -> tuple[int, int, int, int]:
        """Import a file. Return how many organizations were created, changed, archived and unchanged."""
        self.path.write_text(text, encoding="utf-8")
        report, root_id = ImportReport(progress=progress), UUID(self.tenancy.root_id)
        async with operators_transaction(self.tenancy.owner, self.tenancy.tenant_id) as tx:
            tx.principal = replace(tx.principal, grants=(Grant(Role.ADMIN, root_id, segment(root_id)),))
            await import_organizations(
                tx, self.path, source="hr", columns={}, mode=ImportMode(mode), force=force, report=report
            )
        return report.created, report.changed, report.left, report.unchanged

    async def faults(self, text: str, mode: str = "merge", *, force: bool = False) -> list[tuple[int | None, str]]:
        """Import a file that must be refused. Return its faults."""
        with pytest.raises(Faulty) as refused:
            await self(text, mode, force=force)
        return [(fault.line, fault.code) for fault in refused.value.faults]
