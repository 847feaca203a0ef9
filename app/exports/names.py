"""How a table names an organization, so that an import of the same source finds it again."""

from typing import Any, Final

from sqlalchemy import Text, bindparam, func, select
from sqlmodel import col

from app.tree.models import Organization, OrganizationExternalId

#: An organization is named by its first external id of the parameter ``source``; one without such an id by its name.
ORGANIZATION_NAME: Final[Any] = func.coalesce(
    select(func.min(col(OrganizationExternalId.external_id)))
    .where(
        col(OrganizationExternalId.tenant_id) == col(Organization.tenant_id),
        col(OrganizationExternalId.organization_id) == col(Organization.id),
        col(OrganizationExternalId.source) == bindparam("source", type_=Text()),
    )
    .correlate(Organization)
    .scalar_subquery(),
    col(Organization.name),
).label("shown")
