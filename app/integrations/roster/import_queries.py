"""What the routes of imports read."""

from typing import Final

from sqlalchemy import text

from app.db.statement import Read

#: The path of an organization.
PATH: Final = Read(
    text("select path from organization_places where tenant_id = :tenant_id and organization_id = :organization_id")
)
#: The job of an import, where it lies, and whether rows of its file were wrong.
IMPORT: Final = Read(
    text(
        """
        select o.path, coalesce((j.outcome ->> 'error_count')::integer, 0) > 0 as has_errors
        from jobs j left join organization_places o
             on o.tenant_id = j.tenant_id and o.organization_id = j.organization_id
        where j.tenant_id = :tenant_id and j.id = :id and j.kind = 'import_roster'
        """
    )
)
