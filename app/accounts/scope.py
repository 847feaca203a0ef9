"""The organizations whose principals, keys and grants a caller may list."""

from typing import Any
from uuid import UUID

from app.access.policy import allowed_below, forbidden, require
from app.db.statement import Reader
from app.organizations.queries import require_organization_row
from app.principal import Principal, outermost
from app.tree.paths import is_root, ranges


async def managed_paths(reader: Reader, principal: Principal, operation: str, subtree: UUID | None) -> dict[str, Any]:
    """Return the subtrees in which an operation is allowed, or the one asked for, as bound path ranges for a list.

    Raises:
        Forbidden: the caller may do this nowhere, or not in the subtree asked for.
        NotFound: The organization does not exist, or the caller cannot see it.
    """
    paths = outermost(allowed_below(principal, operation))
    if not paths:
        raise forbidden(operation, "any organization")
    if subtree is not None:
        path: str = (await require_organization_row(reader, principal, subtree))["path"]
        require(principal, operation, path)
        paths = (path,)
    return {} if is_root(paths[0]) else ranges(paths)
