"""The first admin key is never lost, never printed into a log, and never that of another database."""

import os
import pty
import re
import stat
import subprocess
import time
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.access.keys import list_keys, revoke_key
from app.errors import OperatorError
from app.provisioning import create_tenant, list_tenants, operators_transaction
from app.server import first_key
from app.server.announcement import announcement
from app.server.first_key import FIRST_KEY_FILE, FirstKey, find_first_key
from app.settings import Settings
from tests.support.services import CHECKOUT, START_SECONDS, command, environment

OTHER = f"fa_{uuid4().hex}_{'x' * 43}"


async def make_tenant(owner: AsyncEngine, folder: Path) -> str:
    """Make a tenant whose key was kept before the commit, as a start that is killed right after the commit."""
    tenant, _, key = await create_tenant(
        owner, slug=f"k-{uuid4().hex[:12]}", name="Agency", before_commit=lambda key: first_key.keep(folder, key)
    )
    assert key.split("_")[1] == tenant.id.hex
    return key


async def test_a_start_after_a_crash_finds_the_key_that_was_committed(owner: AsyncEngine, tmp_path: Path) -> None:
    key = await make_tenant(owner, tmp_path)
    assert not (tmp_path / FIRST_KEY_FILE).exists()
    assert await find_first_key(owner, tmp_path) == FirstKey(tmp_path / FIRST_KEY_FILE, key)
    assert (tmp_path / FIRST_KEY_FILE).read_text() == f"{key}\n"
    assert stat.S_IMODE((tmp_path / FIRST_KEY_FILE).stat().st_mode) == 0o600


async def test_a_key_is_shown_by_one_start_only(owner: AsyncEngine, tmp_path: Path) -> None:
    await make_tenant(owner, tmp_path)
    await find_first_key(owner, tmp_path)
    assert await find_first_key(owner, tmp_path) == FirstKey(tmp_path / FIRST_KEY_FILE, None)


async def test_a_tenant_whose_key_cannot_be_kept_is_rolled_back(owner: AsyncEngine, tmp_path: Path) -> None:
    before = len(await list_tenants(owner))
    with pytest.raises(FileNotFoundError):
        await make_tenant(owner, tmp_path / "missing")
    assert len(await list_tenants(owner)) == before


async def test_the_key_of_a_tenant_that_was_rolled_back_is_not_named(owner: AsyncEngine, tmp_path: Path) -> None:
    first_key.keep(tmp_path, OTHER)
    assert await find_first_key(owner, tmp_path) is None


async def test_the_key_of_another_database_is_not_named(owner: AsyncEngine, tmp_path: Path) -> None:
    (tmp_path / FIRST_KEY_FILE).write_text(f"{OTHER}\n")
    assert await find_first_key(owner, tmp_path) is None
    assert (tmp_path / FIRST_KEY_FILE).read_text() == f"{OTHER}\n"


async def test_the_key_of_another_database_is_not_overwritten(owner: AsyncEngine, tmp_path: Path) -> None:
    (tmp_path / FIRST_KEY_FILE).write_text(f"{OTHER}\n")
    key = await make_tenant(owner, tmp_path)
    await find_first_key(owner, tmp_path)
    assert (tmp_path / FIRST_KEY_FILE).read_text() == f"{key}\n"
    assert (tmp_path / f"{FIRST_KEY_FILE}.former").read_text() == f"{OTHER}\n"


async def test_a_revoked_key_is_not_named(owner: AsyncEngine, tmp_path: Path) -> None:
    key = await make_tenant(owner, tmp_path)
    [tenant_id] = [tenant.id for tenant, _ in await list_tenants(owner) if tenant.id.hex == key.split("_")[1]]
    async with operators_transaction(owner, tenant_id) as tx:
        [(row, _, _)] = await list_keys(tx)
        await revoke_key(tx, row.id)
    assert await find_first_key(owner, tmp_path) is None


def test_a_folder_that_cannot_hold_the_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        OperatorError, match=r"^The first admin key cannot be kept in .*: Not a directory\. Make FA_DATA"
    ):
        first_key.check_can_keep(tmp_path / "file" / "data")


@pytest.mark.parametrize("to_terminal", [True, False])
def test_only_a_terminal_shows_the_key(tmp_path: Path, to_terminal: bool) -> None:
    found = FirstKey(tmp_path / FIRST_KEY_FILE, OTHER)
    text = "\n".join(announcement(Settings(), "http://127.0.0.1:1", found, to_terminal=to_terminal))
    assert (OTHER in text) is to_terminal
    assert str(found.path) in text


def test_without_a_key_no_file_is_named(tmp_path: Path) -> None:
    text = "\n".join(announcement(Settings(docs=False), "http://127.0.0.1:1", None, to_terminal=True))
    assert FIRST_KEY_FILE not in text
    assert "openapi.json" not in text


def test_the_first_start_at_a_terminal_shows_the_key(folder: Path) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(  # noqa: S603 - our own command
        command("serve", "--port", "0"),
        cwd=CHECKOUT,
        env=environment(FA_DATA_DIR=folder / "data"),
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    ) as process:
        seen, deadline = "", time.monotonic() + START_SECONDS
        while "/v1/me" not in seen:
            assert time.monotonic() < deadline, seen
            seen += os.read(ours, 65_536).decode()
        process.terminate()
    [key] = re.findall(r"its admin key +(\S+) \(shown this once\)", seen)
    assert (folder / "data" / FIRST_KEY_FILE).read_text() == f"{key}\n"
