"""The place of the benchmark's data: a separate PostgreSQL with one tenant, kept for the next run."""

import asyncio
import hashlib
import json
import shutil
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

import app
from app.access.keys import create_key
from app.db.schema.migrate import load_models, migrate
from app.embedded_postgres.cluster import SUPERUSER
from app.embedded_postgres.server import EmbeddedServer
from app.principal import Role
from app.provisioning import create_tenant, operators_transaction
from app.tree.models import OrganizationKind
from tests.bench.data import TABLES, Data, Ground, Sizes

CHECKOUT = Path(app.__file__).parents[1]
# With more items than this the foreign keys are not checked: that takes most of the time, and fewer showed them right.
_MOST_CHECKED = 200_000


@dataclass(frozen=True)
class Keys:
    """Whose eyes the data are seen with: all of it, a county, a region (about a twelfth), a third of the regions."""

    admin: str
    county: str
    region: str
    third: str


@dataclass(frozen=True)
class Place:
    """The running database with the data in it."""

    data_dir: Path
    server: EmbeddedServer
    data: Data
    keys: Keys

    @property
    def settings(self) -> dict[str, str]:
        """What a service that works on it is started with."""
        return {"FA_DATABASE_URL": self.server.app_url, "FA_OWNER_DATABASE_URL": self.server.owner_url}

    @asynccontextmanager
    async def superuser(self) -> AsyncIterator[Any]:
        """Yield a connection for what neither the owner nor the service may do."""
        connection = await asyncpg.connect(self.server.address.url(SUPERUSER))
        try:
            yield connection
        finally:
            await connection.close()


def log(line: str) -> None:
    """Say what is going on."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


@contextmanager
def placed(data_dir: Path, sizes: Sizes) -> Iterator[Place]:
    """Yield the database. It is made again where sizes, schema or rows are not what they were."""
    marker = data_dir / "bench.json"
    wanted = {"made_from": _made_from(), **asdict(sizes)}
    known = json.loads(marker.read_text()) if marker.exists() else {}
    if data_dir.exists() and {name: known.get(name) for name in wanted} != wanted:
        remove(data_dir)
    with EmbeddedServer(data_dir) as server:
        if not marker.exists():
            begun = time.monotonic()
            made = asyncio.run(_make(server, sizes))
            marker.touch(mode=0o600)
            marker.write_text(json.dumps(wanted | made))
            log(f"made the data in {time.monotonic() - begun:.0f} s")
        made = json.loads(marker.read_text())
        ground = Ground(**{name: UUID(value) for name, value in made["ground"].items()})
        yield Place(data_dir, server, Data(sizes, ground), Keys(**made["keys"]))


def _made_from() -> str:
    """Return a hash of what decides on the rows and on their tables."""
    here = Path(__file__)
    sources = [here, here.with_name("data.py"), *(CHECKOUT / "migrations" / "versions").glob("*.py")]
    return hashlib.sha256(b"".join(source.read_bytes() for source in sorted(sources))).hexdigest()


def remove(data_dir: Path) -> None:
    """Remove an embedded server's folder, and its files where they lie elsewhere."""
    pointer = data_dir / "postgres.location"
    if pointer.exists():
        shutil.rmtree(pointer.read_text().strip(), ignore_errors=True)
    shutil.rmtree(data_dir)


async def _make(server: EmbeddedServer, sizes: Sizes) -> dict[str, Any]:
    await migrate(server.owner_url, "fa_app", login_is_separate=True)
    load_models()
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(server.owner_url), poolclass=NullPool
    )
    tenant, root, admin = await create_tenant(
        engine, slug="bench", name="Department of Family Services", root_kind=OrganizationKind.STATE
    )
    connection = await asyncpg.connect(server.address.url(SUPERUSER))
    try:
        ground = await _ground(connection, tenant.id, root.id)
        data = Data(sizes, ground)
        await _copy(connection, data)
    finally:
        await connection.close()
    regions = data.regions
    keys = {"admin": admin}
    for name, nodes in {"county": [data.county], "region": regions[:1], "third": regions[: len(regions) // 3]}.items():
        grants = [(Role.VIEWER, node.id) for node in nodes]
        async with operators_transaction(engine, tenant.id) as tx:
            _, keys[name] = await create_key(tx, name=name, grants=grants)
    return {"ground": {name: str(value) for name, value in asdict(ground).items()}, "keys": keys}


async def _ground(connection: Any, tenant_id: UUID, root_id: UUID) -> Ground:
    tables = ("instrument_versions", "scoring_profiles", "principals")
    found = [
        await connection.fetchval(f"select id from {table} where tenant_id = $1 order by id desc", tenant_id)
        for table in tables
    ]
    return Ground(tenant_id, root_id, *found)


async def _copy(connection: Any, data: Data) -> None:
    if data.sizes.items > _MOST_CHECKED:
        await connection.execute("set session_replication_role = replica")
    for table in TABLES:
        rows = getattr(data, table)()
        first = next(rows)
        records = (tuple(row.values()) for row in chain([first], rows))
        await connection.copy_records_to_table(table, records=records, columns=list(first), timeout=1800)
    await connection.execute("vacuum (analyze)", timeout=600)
    await connection.execute("checkpoint", timeout=600)
