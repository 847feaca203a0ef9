"""An import of organizations leaves what the API leaves: rows, moves, events and the audit trail."""

import re
from typing import Any

import asyncpg
import pytest

from tests.support.actors import Actor, Tenancy
from tests.support.audit import changed, seal_trail, trail, verify
from tests.support.feed import end_of, read_all, seal
from tests.support.moves import ensure_true_paths
from tests.support.trees import TreeImporter

COLUMNS = ("name", "kind", "parent", "timezone", "staff_count", "status")
BEGUN = ("North  Coünty", "county", "N", "", "40", "active")
MOVED = ("North County", "county", "S", "", "40", "active")
CLOSED = ("North Coünty", "county", "N", "", "40", "archived")
STEPS = {
    "new": [BEGUN],
    "new with a time zone": [("A", "ta_center", "N", "Europe/Berlin", "", "active")],
    "below the root": [("A", "site", "", "", "", "active")],
    "fields": [BEGUN, ('"N\\o"', "site", "N", "America/Denver", "", "active")],
    "moves": [BEGUN, MOVED],
    "moves twice and changes": [BEGUN, MOVED, ("Other", "county", "N", "", "41", "active")],
    "a blank time zone stays": [
        ("A", "site", "N", "Europe/Berlin", "", "active"),
        ("A", "site", "S", "", "", "active"),
    ],
    "closes": [BEGUN, CLOSED],
    "opens again elsewhere": [BEGUN, CLOSED, MOVED],
    "the same again": [BEGUN, BEGUN],
}
APART = {"id", "created_at", "updated_at", "external_ids"}
#: Ids differ between both ways; the name of what has an id is the same.
Names = dict[str | None, str]


async def find(admin: Actor, source: str) -> dict[str, Any] | None:
    found = await admin.items("/v1/organizations", external_source=source, external_id="1")
    return found[0] if found else None


async def upsert(tenancy: Tenancy, row: tuple[str, ...]) -> None:
    """Do over the API what a row says: restore, upsert, archive."""
    values = dict(zip(COLUMNS, row, strict=True))
    parent, status = values.pop("parent"), values.pop("status")
    before = await find(tenancy.admin, "api")
    if before is not None and before["status"] == "archived" and status == "active":
        await tenancy.admin.move(f"/v1/organizations/{before['id']}", "active", reason="It is in the file again.")
    where = {"parent": {"source": "api", "external_id": parent}} if parent else {"parent_id": tenancy.root_id}
    staff_count = int(values["staff_count"]) if values["staff_count"] else None
    body = {**values, **where, "staff_count": staff_count, "timezone": values["timezone"] or None}
    answer = await tenancy.admin.put("/v1/organizations/by-external-id/api/1", body)
    assert answer.status_code in {200, 201}, answer.text
    if status == "archived":
        await tenancy.admin.move(f"/v1/organizations/{answer.json()['id']}", "archived", reason="The file says so.")


def as_file(row: tuple[str, ...]) -> str:
    cells = ['"' + cell.replace('"', '""') + '"' for cell in row]
    return "\n".join([",".join(("external_id", *COLUMNS)), ",".join(("1", *cells)), ""])


async def left_behind(admin: Actor, source: str, after: str, names: Names) -> Any:
    """Return what one way has left of its organization, with names for ids and zeros for digits of instants."""
    one = await find(admin, source)
    assert one is not None
    known = {**names, one["id"]: "itself"}

    def named(value: Any, field: str = "") -> Any:
        if isinstance(value, dict):
            return {name: named(part, name) for name, part in value.items()}
        if isinstance(value, (list, tuple)):
            return [named(part, field) for part in value]
        return re.sub(r"\d", "0", value) if field == "archived_at" and value else known.get(value, value)

    events = [event for event in await read_all(admin, after) if event["subject_id"] == one["id"]]
    moves = await admin.items(f"/v1/organizations/{one['id']}/moves")
    return (
        named({name: value for name, value in one.items() if name not in APART}),
        [
            named({name: value for name, value in move.items() if name not in {*APART, "actor_id", "actor_name"}})
            for move in moves
        ],
        [named([event["type"], event["organization_id"], event["data"]]) for event in events],
        [
            named([row["action"], row["organization_id"], changed(row) if row["changes"] else None])
            for row in await trail(admin, object_id=one["id"])
        ],
    )


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
async def test_an_import_leaves_what_the_api_leaves(
    tenancy: Tenancy,
    admin: Actor,
    database: asyncpg.Connection,
    import_tree: TreeImporter,
    steps: list[tuple[str, ...]],
) -> None:
    names: Names = {tenancy.root_id: "root"}
    for name in "NS":
        ids = [{"source": source, "external_id": name} for source in ("hr", "api")]
        names[(await tenancy.organization(name=name, external_ids=ids))["id"]] = name
    after = await end_of(tenancy)
    for row in steps:
        await upsert(tenancy, row)
        await import_tree(as_file(row))
        for source in ("hr", "api"):
            # What lies below moves along.
            below = f"/v1/organizations/by-external-id/{source}/2"
            await admin.put(below, {"parent": {"source": source, "external_id": "1"}, "name": "Below", "kind": "team"})
    await seal(tenancy)
    await seal_trail(tenancy)
    assert await left_behind(admin, "hr", after, names) == await left_behind(admin, "api", after, names)
    assert (await verify(admin))["intact"]
    await ensure_true_paths(database, tenancy.tenant_id)
