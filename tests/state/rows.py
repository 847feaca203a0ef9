"""Checks the tables: they hold what the model has and nothing else, each write once, and what is final unchanged."""

from collections import Counter
from typing import Any

from tests.state.driver import Driver
from tests.state.model.things import Assessment
from tests.state.model.world import World

_TABLES = """
select c.table_name from information_schema.columns c join information_schema.tables t using (table_schema, table_name)
where c.table_schema = 'public' and c.column_name = 'tenant_id' and t.table_type = 'BASE TABLE'
  and c.table_name not in ('audit_chains', 'audit_values', 'event_feeds') order by 1
"""
_ORGANIZATIONS = """
select o.id::text, o.parent_id::text, p.path, p.depth, o.version from organizations o
join organization_places p on p.tenant_id = o.tenant_id and p.organization_id = o.id where o.tenant_id = $1
"""
_VOTES = """
select assessment_id::text, participant_id::text, practice, round, claim, value, version, comment, entered_by::text
from votes where tenant_id = $1
"""
_EVENTS = """
select request_id, type, subject_type, subject_id::text, created_at from outbox_events
where tenant_id = $1 and request_id not like 'cli-%'
"""
_AUDIT = """
select request_id, action, subject_type, subject_id::text, outcome, actor_kind, actor_id::text
from audit_events where tenant_id = $1 and request_id not like 'cli-%' and outcome = 'done'
"""
#: What is counted of a table; refusals come and go with the rate at which they are recorded.
ONLY = {"audit_events": " and outcome = 'done'"}
#: The tables of what belongs to an assessment, and the column that says to which.
_OF_AN_ASSESSMENT = {
    "assessments": "id",
    "votes": "assessment_id",
    "consensus": "assessment_id",
    "practice_ratings": "assessment_id",
    "administration_records": "assessment_id",
    "assessment_changes": "assessment_id",
}


def check_rows(driver: Driver) -> None:
    """Compare the tables with the model, through the owner's connection."""
    driver.run(_check, driver)


async def _check(driver: Driver) -> None:
    world, database, tenant = driver.world, driver.around.database, driver.tenancy.tenant_id
    await _check_tree(driver)
    assert Counter(tuple(row) for row in await database.fetch(_VOTES, tenant)) == Counter(
        (one.id, seat_id, practice, round_, claim, str(vote.value), vote.version, vote.comment, vote.entered_by)
        for one in world.assessments.values()
        for (seat_id, practice, round_, claim), vote in one.votes.items()
    )
    for table, expected in _versions(world).items():
        found = await database.fetch(f"select id::text, version from {table} where tenant_id = $1", tenant)
        assert {row["id"]: row["version"] for row in found} == expected, table
    await _check_recorded(driver)
    await _check_counts(driver)
    for one in world.assessments.values():
        if one.state == "final":
            await _check_final(driver, one)


async def _check_tree(driver: Driver) -> None:
    world, database, tenant = driver.world, driver.around.database, driver.tenancy.tenant_id
    found = {row["id"]: row for row in await database.fetch(_ORGANIZATIONS, tenant)}
    assert {id_: (row["parent_id"], row["depth"], row["version"]) for id_, row in found.items()} == {
        one.id: (one.parent_id, len(world.place(one.id)) - 1, one.version) for one in world.organizations.values()
    }
    paths = {id_: row["path"] for id_, row in found.items()}
    for id_, whole in paths.items():
        # Whatever a path is made of: it begins with those of the organizations above, and of no other.
        assert {other for other, path in paths.items() if whole.startswith(path)} == set(world.place(id_))


def _versions(world: World) -> dict[str, dict[str, int]]:
    tables: dict[str, list[Any]] = {
        "programs": list(world.programs.values()),
        "implementations": list(world.implementations.values()),
        "people": list(world.people.values()),
        "assessments": list(world.assessments.values()),
        "participants": [seat for one in world.assessments.values() for seat in one.seats.values()],
        "action_items": list(world.items.values()),
    }
    return {table: {one.id: one.version for one in rows} for table, rows in tables.items()}


async def _check_recorded(driver: Driver) -> None:
    """Check that each write has one audit row, and one event at its instant unless it is a vote; refusals none.

    The database dates the audit row itself.
    """
    world, database, tenant = driver.world, driver.around.database, driver.tenancy.tenant_id
    events = Counter(tuple(row) for row in await database.fetch(_EVENTS, tenant))
    audit = Counter(tuple(row) for row in await database.fetch(_AUDIT, tenant))
    assert audit == Counter(row[:4] + row[5:] for row in world.recorded.elements())
    assert events == Counter(row[:5] for row in world.recorded.elements() if not _is_vote(row))


def _is_vote(row: tuple[Any, ...]) -> bool:
    return str(row[1]).startswith("assessment.vote_")


async def _check_final(driver: Driver, one: Assessment) -> None:
    """Nothing of a final assessment changes."""
    database, tenant = driver.around.database, driver.tenancy.tenant_id
    parts = [
        f"select '{table}' as name, md5(string_agg(t::text, ' ' order by id)) as sum from {table} t"
        f" where tenant_id = $1 and {column} = $2::text::uuid"
        for table, column in _OF_AN_ASSESSMENT.items()
    ]
    found = dict(await database.fetch(" union all ".join(parts), tenant, one.id))
    assert driver.finals.setdefault(one.id, found) == found


async def _check_counts(driver: Driver) -> None:
    database, tenant = driver.around.database, driver.tenancy.tenant_id
    tables = [row[0] for row in await database.fetch(_TABLES)]
    query = " union all ".join(
        f"select '{one}', count(*) from {one} where tenant_id = $1{ONLY.get(one, '')}" for one in tables
    )
    found = dict(await database.fetch(query, tenant))
    expected = _counts(driver)
    constant = {name: count for name, count in found.items() if name not in expected}
    # What shipped with the tenant stays as it is.
    driver.shipped = driver.shipped or constant
    assert constant == driver.shipped
    assert {name: found[name] for name in expected} == expected


def _counts(driver: Driver) -> dict[str, int]:
    world = driver.world
    tree, runs, items = world.organizations.values(), world.assessments.values(), world.items.values()
    grants = sum(len(key.grants) for key in world.keys)
    # The command line records the tenant, each key with its principal and its grants, and each revocation.
    written = sum(world.recorded.values()) + 1 + 2 * len(world.keys) + driver.granted + len(driver.revoked)
    return {
        "organizations": len(tree),
        "organization_places": len(tree),
        "organization_external_ids": sum(len(one.external_ids) for one in tree),
        "organization_moves": sum(len(one.moves) for one in tree),
        "programs": len(world.programs),
        "implementations": len(world.implementations),
        "stage_changes": sum(len(one.stages) for one in world.implementations.values()),
        "people": len(world.people),
        "person_external_ids": 0,
        "former_employments": sum(one.returns for one in world.people.values()),
        "assessments": len(runs),
        "assessment_changes": sum(len(one.history) for one in runs),
        "participants": sum(len(one.seats) for one in runs),
        "votes": sum(len(one.votes) for one in runs),
        "seat_changes": sum(len(seat.history) for one in runs for seat in one.seats.values()),
        "invitation_codes": sum(seat.code is not None for one in runs for seat in one.seats.values()),
        "consensus": sum(len(one.consensus) for one in runs),
        "practice_ratings": sum(len(one.ratings) for one in runs),
        "administration_records": sum(one.administration is not None for one in runs),
        "action_items": len(items),
        "action_item_changes": sum(len(one.history) for one in items),
        "action_item_notes": sum(len(one.notes) for one in items),
        "principals": len(world.keys),
        "api_keys": len(world.keys),
        "role_grants": grants,
        "outbox_events": written - sum(count for row, count in world.recorded.items() if _is_vote(row)),
        "audit_events": written,
        "idempotency_keys": len(driver.kept),
    }
