"""Files that the command line imports while the service runs, read over the API."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.server.preparation import FIRST_SLUG
from tests.support.oneroster import archive, user
from tests.support.services import Service, run

SOURCE = "client-hr"


def import_file(service: Service, what: str, path: Path) -> dict[str, Any]:
    """Import a file beside the running service. Return the counts."""
    options = ("--tenant", FIRST_SLUG, "--source", SOURCE, "--json")
    status, out, err = run("import", what, str(path), *options, FA_DATA_DIR=service.data_dir)
    assert status == 0, err
    counts: dict[str, Any] = json.loads(out)
    return counts


@pytest.fixture(scope="module")
def http(service: Service) -> Iterator[httpx.Client]:
    """An admin's connection to the service."""
    headers = {"Authorization": f"Bearer {service.key}"}
    with httpx.Client(base_url=service.address, headers=headers, timeout=300, trust_env=False) as client:
        yield client


def test_a_nightly_roster_shows_in_the_running_service(service: Service, http: httpx.Client, tmp_path: Path) -> None:
    tree, roster = tmp_path / "tree.csv", tmp_path / "roster.csv"
    tree.write_text("external_id,name,kind,parent\nimported,Imported County,county,\n", encoding="utf-8")
    roster.write_text(
        "external_id;name;organization;manager\ni-1;Ann Lead;imported;\ni-2;Kim Coach;imported;i-1\n", encoding="cp1252"
    )
    after = http.get("/v1/events", params={"after": "latest"}).json()["next_after"]
    assert import_file(service, "organizations", tree)["created"] == 1
    assert import_file(service, "people", roster)["created"] == 2
    [county] = http.get("/v1/organizations", params={"q": "Imported County"}).json()["items"]
    found = http.get("/v1/people", params={"organization_id": county["id"]}).json()["items"]
    people = sorted(found, key=lambda one: str(one["name"]))
    assert [one["name"] for one in people] == ["Ann Lead", "Kim Coach"]
    assert people[1]["manager_id"] == people[0]["id"]
    assert people[1]["external_ids"] == [{"source": SOURCE, "external_id": "i-2"}]
    announced: set[str] = set()
    while not {county["id"], *(one["id"] for one in people)} <= announced:
        page = http.get("/v1/events", params={"after": after, "wait": 20}).json()
        announced |= {event["subject_id"] for event in page["items"]}
        after = page["next_after"]


def test_the_staff_of_a_one_roster_archive_shows_in_the_running_service(
    service: Service, http: httpx.Client, tmp_path: Path
) -> None:
    tree, staff = tmp_path / "tree.csv", tmp_path / "oneroster.zip"
    tree.write_text("external_id,name,kind,parent\nschool-7,Seventh School,site,\n", encoding="utf-8")
    places = {"orgSourcedIds": "school-7"}
    staff.write_bytes(archive(user("t-1", familyName="Teacher", **places), user("s-1", role="student", **places)))
    assert import_file(service, "organizations", tree)["created"] == 1
    assert import_file(service, "people", staff)["created"] == 1
    [school] = http.get("/v1/organizations", params={"q": "Seventh School"}).json()["items"]
    [teacher] = http.get("/v1/people", params={"organization_id": school["id"]}).json()["items"]
    assert (teacher["name"], teacher["position"]) == ("Ann Teacher", "Teacher")
