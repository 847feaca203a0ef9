"""Where the benchmark's data lie: a PostgreSQL of its own with one tenant in it, kept for the next run."""

import asyncio
import hashlib
import json
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.pool import NullPool

import app
from app.access.keys import create_key
from app.db.embedded import EmbeddedServer
from app.db.embedded_cluster import SUPERUSER
from app.db.migrate import load_models, migrate
from app.principal import Role
from app.tenants import create_tenant, operators_transaction
from app.tree.models import OrganizationKind
from tests.bench.data import TABLES, Data, Ground, Sizes

CHECKOUT = Path(app.__file__).parents[1]
_BULK = "set session_replication_role = replica"


@dataclass(frozen=True)
class Keys:
    """Whose eyes the data are seen with."""

    admin: str
    county: str
    third: str


@dataclass(frozen=True)
class Place:
    """The running database with the data in it.

    Args:
        data_dir: of the embedded server.
    """

    data_dir: Path
    server: EmbeddedServer
    data: Data
    keys: Keys

    @property
    def settings(self) -> dict[str, str]:
        """What a service that works on it is started with."""
        return {"FA_DATABASE_URL": self.server.app_url, "FA_OWNER_DATABASE_URL": self.server.owner_url}

    @property
    def superuser_url(self) -> str:
        """Address for what neither the owner nor the service may do."""
        return self.server.address.url(SUPERUSER)


def tell(line: str) -> None:
    """Say what is going on."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def folder(path: Path) -> Path:
    """The benchmark's folder, made if missing; version control passes it over."""
    path.mkdir(mode=0o755, parents=True, exist_ok=True)
    (path / ".gitignore").write_text("*\n")
    return path


@contextmanager
def placed(data_dir: Path, sizes: Sizes) -> Iterator[Place]:
    """The database as long as the context lasts; made anew where sizes, schema or rows are not what they were."""
    marker = data_dir / "bench.json"
    wanted = {"made_from": _made_from(), **asdict(sizes)}
    known = json.loads(marker.read_text()) if marker.exists() else {}
    if data_dir.exists() and {name: known.get(name) for name in wanted} != wanted:
        _remove(data_dir)
    with EmbeddedServer(data_dir) as server:
        if not marker.exists():
            begun = time.monotonic()
            made = asyncio.run(_make(server, sizes))
            marker.touch(mode=0o600)
            marker.write_text(json.dumps(wanted | made))
            tell(f"made the data in {time.monotonic() - begun:.0f} s")
        told = json.loads(marker.read_text())
        ground = Ground(**{name: UUID(value) for name, value in told["ground"].items()})
        yield Place(data_dir, server, Data(sizes, ground), Keys(**told["keys"]))


def _made_from() -> str:
    """A hash of what decides on the rows and on their tables."""
    sources = [
        Path(__file__),
        Path(__file__).with_name("data.py"),
        *(CHECKOUT / "migrations" / "versions").glob("*.py"),
    ]
    told = hashlib.sha256()
    for source in sorted(sources):
        told.update(source.read_bytes())
    return told.hexdigest()


def _remove(data_dir: Path) -> None:
    pointer = data_dir / "postgres.location"
    if pointer.exists():
        shutil.rmtree(pointer.read_text().strip(), ignore_errors=True)
    shutil.rmtree(data_dir)


async def _make(server: EmbeddedServer, sizes: Sizes) -> dict[str, Any]:
    await migrate(server.owner_url, "fa_app", login_is_separate=True)
    load_models()
    ground, admin = await _tenant(server.owner_url)
    data = Data(sizes, ground)
    await _copy(server, data)
    regions = data.regions
    keys = {
        "admin": admin,
        "county": await _key(server.owner_url, ground, [data.county.id]),
        "third": await _key(server.owner_url, ground, [place.id for place in regions[: max(1, len(regions) // 3)]]),
    }
    return {"ground": {name: str(value) for name, value in asdict(ground).items()}, "keys": keys}


def _engine(url: str) -> Any:
    return create_async_engine("postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(url), poolclass=NullPool)


async def _tenant(url: str) -> tuple[Ground, str]:
    tenant, root, key = await create_tenant(
        _engine(url), slug="bench", name="Department of Family Services", root_kind=OrganizationKind.STATE
    )
    connection = await asyncpg.connect(url)
    try:
        found = {
            name: await connection.fetchval(f"select id from {table} where tenant_id = $1 order by id desc", tenant.id)  # noqa: S608
            for name, table in (
                ("instrument_version_id", "instrument_versions"),
                ("scoring_profile_id", "scoring_profiles"),
                ("principal_id", "principals"),
            )
        }
    finally:
        await connection.close()
    return Ground(tenant_id=tenant.id, root_id=root.id, **found), key


async def _key(url: str, ground: Ground, organizations: list[UUID]) -> str:
    async with AsyncSession(_engine(url), expire_on_commit=False) as session, session.begin():
        tx = operators_transaction(session, ground.tenant_id)
        _, key = await create_key(tx, name="bench", grants=[(Role.VIEWER, one) for one in organizations])
    return key


async def _copy(server: EmbeddedServer, data: Data) -> None:
    # The owner's COPY has every foreign key checked. Of the millions of rows for the growth check the small run has
    # shown that the keys are right, and checking them again would take most of the time.
    checked = data.sizes.assessments <= Sizes().assessments
    connection = await asyncpg.connect(server.owner_url if checked else server.address.url(SUPERUSER))
    try:
        if not checked:
            await connection.execute(_BULK)
        for table in TABLES:
            rows = getattr(data, table)()
            first = next(rows, None)
            if first is not None:
                records = (tuple(row.values()) for row in chain([first], rows))
                await connection.copy_records_to_table(table, records=records, columns=list(first), timeout=1800)
        await connection.execute("vacuum (analyze)" if not checked else "analyze", timeout=600)
        if checked:
            for table in TABLES:
                await connection.execute(f"vacuum {table}")
    finally:
        await connection.close()
    above = await asyncpg.connect(server.address.url(SUPERUSER))
    try:
        await above.execute("checkpoint", timeout=600)
    finally:
        await above.close()
