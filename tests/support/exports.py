"""Exports of a test, and reading them."""

import csv
import io
import json
import zipfile
from typing import Any
from xml.etree import ElementTree as ET

import httpx
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.support.actors import Actor, Tenancy

PATH = "/v1/export"
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_ADD_PEOPLE = """
insert into people (tenant_id, id, created_at, updated_at, version, organization_id, name, name_key, active, on_leave)
select :tenant_id, gen_random_uuid(), now(), now(), 1, :organization_id, 'Person ' || n, 'person ' || n, true, false
from generate_series(1, :count) n
"""


async def export(actor: Actor, address: str, export_format: str = "csv", **params: Any) -> httpx.Response:
    """Ask for an export."""
    return await actor.get(PATH, params={"list": address, "format": export_format, **params})


def read_table(content: bytes) -> list[dict[str, str]]:
    """Return the lines of a CSV by the names of its header."""
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def read_lines(content: bytes) -> list[Any]:
    """Return the items of JSON Lines."""
    return [json.loads(line) for line in content.splitlines()]


def read_sheet(content: bytes) -> list[list[str | None]]:
    """Return the cells of the first sheet of a workbook, row by row, as its XML has them. Blank cells are left out."""
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        root = ET.fromstring(book.read("xl/worksheets/sheet1.xml"))  # noqa: S314  # made by the service
    rows = root.iter(f"{_MAIN}row")
    return [[cell.findtext(f".//{_MAIN}t") or cell.findtext(f"{_MAIN}v") for cell in row] for row in rows]


async def add_people(owner: AsyncEngine, tenancy: Tenancy, count: int, organization_id: str | None = None) -> None:
    """Add people by one statement."""
    values = {"tenant_id": tenancy.tenant_id, "organization_id": organization_id or tenancy.root_id, "count": count}
    async with owner.begin() as connection:
        await connection.execute(text(_ADD_PEOPLE), values)
