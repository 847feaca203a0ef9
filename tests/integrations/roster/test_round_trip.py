"""People that are exported as a roster can be imported again, and nothing changes."""

from pathlib import Path
from typing import Any

from tests.integrations.roster.test_import import Importer
from tests.support.accounts import problem
from tests.support.actors import Tenancy
from tests.support.exports import export, read_table
from tests.support.people import KNOWN, add_person


def of_source(external_id: str, **fields: Any) -> dict[str, Any]:
    return {"external_ids": [{"source": "hr", "external_id": external_id}], **fields}


async def test_an_export_that_is_imported_again_changes_nothing(tenancy: Tenancy, tmp_path: Path) -> None:
    site = await tenancy.organization(name="=North", external_ids=[{"source": "hr", "external_id": "-N"}])
    manager = await add_person(tenancy, site["id"], **of_source("+1", name="@Ann"))
    details = {**KNOWN, **of_source("=2", name="=HYPERLINK(1)", position="'=Coach", manager_id=manager["id"])}
    await add_person(tenancy, site["id"], **details)
    named = await tenancy.organization(name="Only by, name")
    quoted = {"name": "'t Hooft", "department": "'=", "position": "-5", "employment_status": "on_leave"}
    await add_person(tenancy, named["id"], **of_source("3", **quoted))
    await add_person(tenancy, named["id"], name="Of no source")
    exported = (await export(tenancy.admin, "/v1/people", source="hr")).content
    rows = read_table(exported)
    assert [row["organization"] for row in rows] == ["'-N", "'-N", "Only by, name"]
    assert (rows[1]["name"], rows[1]["position"], rows[1]["manager"]) == ("'=HYPERLINK(1)", "''=Coach", "'+1")
    assert [rows[2][name] for name in ("name", "department", "position")] == ["'t Hooft", "''=", "'-5"]
    before = await tenancy.admin.items("/v1/people")
    assert await Importer(tenancy, tmp_path)(exported.decode()) == (0, 0, 0, 3)
    assert await tenancy.admin.items("/v1/people") == before


async def test_a_roster_names_nobody_whose_details_are_hidden(tenancy: Tenancy) -> None:
    county = (await tenancy.organization())["id"]
    manager = await add_person(tenancy, **of_source("1"))
    await add_person(tenancy, county, **of_source("2", manager_id=manager["id"]))
    integrator, viewer = await tenancy.key(("integrator", county)), await tenancy.key(("viewer", tenancy.root_id))
    (row,) = read_table((await export(integrator, "/v1/people", source="hr")).content)
    assert (row["external_id"], row["manager"]) == ("2", "")
    assert read_table((await export(viewer, "/v1/people", source="hr")).content) == []


async def test_only_people_have_the_form_of_a_roster(tenancy: Tenancy) -> None:
    assert problem(await export(tenancy.admin, "/v1/programs", source="hr")) == (422, "invalid_filters")
