"""An import leaves what the same changes leave over the API: rows, events and the audit trail."""

from pathlib import Path
from typing import Any

import pytest

from app.integrations.roster.import_service import ImportMode, ImportReport, import_people
from app.provisioning import operators_transaction
from tests.support.actors import Actor, Tenancy
from tests.support.audit import changed, seal_trail, trail, verify
from tests.support.feed import end_of, read_all, seal

COLUMNS = ("name", "organization", "email", "position", "manager", "status", "hired_on", "left_on")
BEGUN = ("Ann  Lee", "N", "Ann@Agency.example", "Coach", "boss", "active", "2019-02-01", None)
STEPS = {
    "new": [BEGUN],
    "on leave from the first day": [("Ann", "N", None, None, None, "on_leave", None, None)],
    "names and details": [BEGUN, ('Ann "O\\Lee"', "N", None, "Ænne", None, "active", "2019-02-01", None)],
    "moves": [BEGUN, ("Ann Lee", "S", "ann@agency.example", "Coach", "boss", "active", "2019-02-01", None)],
    "days": [BEGUN, ("Ann Lee", "N", "ann@agency.example", "Coach", "boss", "active", "2020-02-01", "2030-01-01")],
    "leaves": [BEGUN, ("Ann Lee", "N", "ann@agency.example", "Coach", "boss", "left", "2019-02-01", "2026-01-31")],
    "comes back": [
        BEGUN,
        ("Ann Lee", "N", "ann@agency.example", "Coach", "boss", "left", "2019-02-01", "2026-01-31"),
        ("Ann Lee", "S", "ann@agency.example", "Lead", "boss", "active", "2026-09-01", None),
    ],
    "goes on": [
        BEGUN,
        ("Ann Lee", "N", "ann@agency.example", "Coach", "boss", "left", "2019-02-01", None),
        ("Ann Lee", "N", "ann@agency.example", "Coach", "boss", "on_leave", "2019-02-01", None),
    ],
}
APART = {"id", "created_at", "updated_at", "external_ids"}


def external(source: str, external_id: str | None) -> dict[str, str] | None:
    return {"source": source, "external_id": external_id} if external_id else None


async def upsert(tenancy: Tenancy, _folder: Path, row: tuple[Any, ...]) -> None:
    values = dict(zip(COLUMNS, row, strict=True))
    body = {
        **values,
        "organization": external("api", values["organization"]),
        "manager": external("api", values["manager"]),
        "employment_status": values.pop("status"),
    }
    del body["status"]
    if values["manager"] is None:
        del body["manager"]
        body["manager_id"] = None
    answer = await tenancy.admin.put("/v1/people/by-external-id/api/1", body)
    assert answer.status_code in {200, 201}, answer.text


async def import_row(tenancy: Tenancy, folder: Path, row: tuple[Any, ...]) -> None:
    path = folder / "roster.csv"
    cells = ['"' + (cell or "").replace('"', '""') + '"' for cell in row]
    path.write_text("\n".join([",".join(("external_id", *COLUMNS)), ",".join(("1", *cells)), ""]), encoding="utf-8")
    async with operators_transaction(tenancy.owner, tenancy.tenant_id) as tx:
        report = ImportReport()
        await import_people(tx, path, source="hr", columns={}, mode=ImportMode.MERGE, force=False, report=report)


async def left_behind(tenancy: Tenancy, admin: Actor, source: str, after: str) -> Any:
    """Return what one way has left of its person: the person, the employments, the events and the audit trail."""
    [person] = await admin.items("/v1/people", external_source=source, external_id="1")
    events = [one for one in await read_all(admin, after) if one["subject_id"] == person["id"]]
    audit = await trail(admin, object_id=person["id"])
    return (
        {name: value for name, value in person.items() if name not in APART},
        [
            {name: value for name, value in one.items() if name not in {"id", "created_at"}}
            for one in await admin.items(f"/v1/people/{person['id']}/former-employments")
        ],
        # The data differ: the API names the fields that were sent, an import those that differ.
        [(one["type"], one["organization_id"]) for one in events],
        [
            (one["action"], one["organization_id"], {**changed(one), "external_id": None})
            if one["changes"]
            else one["action"]
            for one in audit
        ],
    )


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
async def test_an_import_leaves_what_the_api_leaves(
    tenancy: Tenancy, admin: Actor, tmp_path: Path, steps: list[tuple[Any, ...]]
) -> None:
    for name in "NS":
        ids = [{"source": source, "external_id": name} for source in ("hr", "api")]
        await tenancy.organization(name=name, external_ids=ids)
    ids = [{"source": source, "external_id": "boss"} for source in ("hr", "api")]
    await admin.made("/v1/people", {"organization_id": tenancy.root_id, "name": "Boss", "external_ids": ids})
    after = await end_of(tenancy)
    for row in steps:
        await upsert(tenancy, tmp_path, row)
        await import_row(tenancy, tmp_path, row)
    await seal(tenancy)
    await seal_trail(tenancy)
    assert await left_behind(tenancy, admin, "hr", after) == await left_behind(tenancy, admin, "api", after)
    assert (await verify(admin))["intact"]
