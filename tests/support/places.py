"""One of each thing at an organization."""

from dataclasses import dataclass, fields
from typing import Any
from uuid import UUID, uuid4

from app.integrations.roster.import_job import IMPORT_ROSTER
from tests.support.actors import Actor, Tenancy
from tests.support.connectors import a_connector
from tests.support.jobs import PLACED, add_job
from tests.support.metrics import record_metric
from tests.support.team import new_team

#: The id of nothing.
MISSING = str(uuid4())


@dataclass
class Place:
    """One of each thing at one organization."""

    organization: str
    program: str = MISSING
    implementation: str = MISSING
    person: str = MISSING
    assessment: str = MISSING
    participant: str = MISSING
    paper_participant: str = MISSING
    action_item: str = MISSING
    job: str = MISSING
    roster_import: str = MISSING
    webhook: str = MISSING
    calendar_feed: str = MISSING
    export: str = MISSING
    metric: str = MISSING
    connector: str = MISSING
    principal: str = MISSING
    role_grant: str = MISSING
    api_key: str = MISSING
    scim_token: str = MISSING
    scim_group_mapping: str = MISSING
    seat: Actor | None = None


def place_of(id_: str) -> Place:
    """Make a place where everything has this id."""
    ids: dict[str, Any] = {field.name: id_ for field in fields(Place) if field.name != "seat"}
    return Place(**ids)


async def furnish(tenancy: Tenancy, organization: str) -> Place:
    """Make one of each, among them an assessment in consensus with a voted seat and a paper seat."""
    admin = tenancy.admin
    team = await new_team(tenancy, organization)
    own_program = await admin.made("/v1/programs", {"organization_id": organization, "name": "Local"})
    seat = await team.seat("Seat", perspective="manager")
    await team.paper("Paper")
    await team.move("collecting")
    await team.vote("Seat", "P1", 1)
    await team.enter("Paper", "P1", 1)
    await team.move("consensus")
    await team.consensus("P1", 1)
    await admin.put(f"{team.path}/practices/P1", {"importance": 3})
    await team.administration()
    person = await admin.made("/v1/people", {"organization_id": organization, "name": "Coach"})
    principal = await admin.made("/v1/principals", {"kind": "machine", "name": "Feed", "organization_id": organization})
    grant = await admin.made(
        "/v1/role-grants", {"principal_id": principal["id"], "role": "respondent", "organization_id": organization}
    )
    key = await admin.made(f"/v1/principals/{principal['id']}/api-keys", {"name": "Feed"})
    action = await admin.made("/v1/action-items", {"organization_id": organization, "title": "T", "practices": []})
    webhook = await admin.made("/v1/webhooks", {"organization_id": organization, "url": "https://localhost:1/hook"})
    metric = await record_metric(admin, organization, own_program["id"])
    connector = await admin.made("/v1/connectors", a_connector(organization))
    scim_token = MISSING
    if organization == tenancy.root_id:
        scim_token = (await admin.made("/v1/scim-tokens", {"name": "Identity provider"}))["id"]
    mapping = await admin.made("/v1/scim-group-mappings", {"group_name": "Staff", "organization_id": organization})
    feed = await admin.made("/v1/calendar-feeds", {"organization_id": organization, "name": "Due"})
    export = await admin.made("/v1/exports", {"list": "/v1/drivers"})
    return Place(
        organization=organization,
        program=own_program["id"],
        implementation=team.assessment["implementation_id"],
        person=person["id"],
        assessment=team.assessment["id"],
        participant=team.ids["Seat"],
        paper_participant=team.ids["Paper"],
        action_item=action["id"],
        job=str(await add_job(tenancy, PLACED, organization_id=UUID(organization))),
        # Late enough that no worker takes it.
        roster_import=str(await add_job(tenancy, IMPORT_ROSTER, delay=10_000_000, organization_id=UUID(organization))),
        webhook=webhook["id"],
        calendar_feed=feed["id"],
        export=export["id"],
        metric=metric,
        connector=connector["id"],
        principal=principal["id"],
        role_grant=grant["id"],
        api_key=key["id"],
        scim_token=scim_token,
        scim_group_mapping=mapping["id"],
        seat=seat,
    )
