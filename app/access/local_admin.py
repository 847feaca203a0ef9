"""The admin of ``FA_AUTH=dev``: who sends a request without credentials on the machine's own loopback."""

import re
import time
from typing import Final
from uuid import UUID, uuid5

from sqlalchemy import Uuid, bindparam, select, text
from sqlmodel import col

from app.access.credential_kinds import HOLDER
from app.db.pool import Pool
from app.db.statement import Read
from app.errors import Unauthorized
from app.http.head import Scope, header
from app.principal import Grant, Principal, Role
from app.tree.models import Organization, Tenant

#: The origins of pages that this machine itself serves.
LOOPBACK_ORIGIN: Final = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?"
_ORIGIN = re.compile(LOOPBACK_ORIGIN)
_HOST = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?")
_SECONDS = 1.0

_OLDEST = Read(text("select id from list_tenant_ids() as id order by id limit 1"))
_ROOT = Read(
    select(col(Tenant.secret), col(Organization.id), col(Organization.path))
    .join(Organization, col(Organization.tenant_id) == col(Tenant.id))
    .where(col(Tenant.id) == bindparam("tenant_id", type_=Uuid()), col(Organization.parent_id).is_(None))
)


class LocalAdmin:
    """Signs in an admin of the oldest tenant."""

    def __init__(self, reads: Pool) -> None:
        self._reads = reads
        self._principal: Principal | None = None
        self._until = 0.0

    async def __call__(self, scope: Scope) -> Principal:
        """Return the admin, if the request was meant for this machine.

        A page of another site can send requests here, and can give this machine's address to its own host name. Such
        requests name another host or another origin. A proxy on this machine forwards requests from elsewhere.

        Raises:
            Unauthorized: the request names a host or an origin elsewhere or was forwarded, or there is no tenant.
        """
        if header(scope, b"x-forwarded-for") is not None or header(scope, b"forwarded") is not None:
            raise Unauthorized("FA_AUTH=dev signs in no requests that a proxy has forwarded.")
        host, origin = header(scope, b"host"), header(scope, b"origin")
        if host is None or not _HOST.fullmatch(host) or not (origin is None or _ORIGIN.fullmatch(origin)):
            raise Unauthorized("FA_AUTH=dev signs in requests to and from a loopback address only.")
        now = time.monotonic()
        if self._principal is None or now >= self._until:
            self._principal, self._until = await self._load(), now + _SECONDS
        return self._principal

    async def _load(self) -> Principal:
        tenant = await self._reads.fetch_one(_OLDEST, holder=HOLDER)
        if tenant is None:
            raise Unauthorized("There is no tenant yet: fa-readiness tenants create makes one.")
        tenant_id = UUID(int=tenant["id"].int)
        root = await self._reads.fetch_one(_ROOT, tenant_id=tenant_id)
        if root is None:
            raise Unauthorized
        return Principal(
            tenant_id=tenant_id,
            id=uuid5(tenant_id, "local admin"),
            kind="dev",
            name="Local admin",
            tenant_secret=root["secret"],
            grants=(Grant(Role.ADMIN, UUID(int=root["id"].int), root["path"]),),
        )
