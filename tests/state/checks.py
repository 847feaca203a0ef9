"""What anybody must see over HTTP at any time: what the model has for them, and nothing else."""

from typing import Any

from app.scoring import assess, to_builtins
from tests.state.driver import Driver
from tests.state.model import action_items, assessments, decisions, organizations, programs, seats
from tests.state.model.scored import scoring_input
from tests.state.model.things import Assessment
from tests.state.model.world import READ, Caller, World


def check_lists(driver: Driver, caller: Caller) -> None:
    """Compare what a caller lists with what it must see."""
    world = driver.world
    lists = {
        "organizations": [organizations.show(world, caller, one) for one in _seen(world, caller, world.organizations)],
        "programs": [
            programs.show_program(one)
            for _, one in sorted(world.programs.items())
            if world.is_offered(caller, one.organization_id)
        ],
        "implementations": [
            programs.show_implementation(world, caller, one) for one in _seen(world, caller, world.implementations)
        ],
        "people": [programs.show_person(world, caller, one) for one in _seen(world, caller, world.people)],
        "assessments": [assessments.show(world, caller, one) for one in _seen(world, caller, world.assessments)],
        "action-items": [action_items.show(world, caller, one) for one in _seen(world, caller, world.items)],
    }
    blind = not any(role in READ for role, _ in caller.grants)
    for name, expected in lists.items():
        if blind:
            assert driver.read(caller, f"/v1/{name}").status_code == 403
        else:
            _same(driver, caller, f"/v1/{name}", expected)
    if blind:
        return
    _check_changed(driver, caller, lists)
    late = [one for one in lists["action-items"] if one["overdue"]]
    _same(driver, caller, "/v1/action-items?overdue=true", late)
    replaced = [one for one in lists["assessments"] if _is_superseded(world, one["id"])]
    _same(driver, caller, "/v1/assessments?superseded=true", replaced)
    archived = [one for one in lists["organizations"] if one["status"] == "archived"]
    _same(driver, caller, "/v1/organizations?status=archived", archived)


def _check_changed(driver: Driver, caller: Caller, lists: dict[str, list[dict[str, Any]]]) -> None:
    """`updated_since`, from an instant at which one of them changed."""
    for name, rows in lists.items():
        since = rows[driver.number() % len(rows)]["updated_at"] if rows else driver.world.stamp
        changed = [one for one in rows if one["updated_at"] >= since]
        _same(driver, caller, f"/v1/{name}?updated_since={since}", changed)


def check_stranger(driver: Driver) -> None:
    """Nothing is in sight from another tenant, not even by its id."""
    world, stranger = driver.world, driver.around.stranger
    kinds: dict[str, dict[str, Any]] = {
        "organizations": world.organizations,
        "programs": world.programs,
        "implementations": world.implementations,
        "people": world.people,
        "assessments": world.assessments,
        "action-items": world.items,
    }
    for name, rows in kinds.items():
        own = [at for _, at in stranger.grants] if name == "organizations" else []
        assert [one["id"] for one in _all(driver, stranger, f"/v1/{name}")] == own
        if rows:
            assert driver.read(stranger, f"/v1/{name}/{list(rows)[-1]}").status_code == 404


def check_subtree(driver: Driver, caller: Caller, top: str) -> None:
    """Compare what a caller lists of a subtree, and its own moves."""
    world = driver.world
    if not world.reads(caller, top):
        assert driver.read(caller, f"/v1/organizations/{top}/descendants").status_code == 404
        return
    below = sorted((one for one in world.subtree(top) if one.id != top), key=lambda one: world.place(one.id))
    ids = {top, *(one.id for one in below)}
    shown = [organizations.show(world, caller, one) for one in below]
    _same(driver, caller, f"/v1/organizations/{top}/descendants", shown)
    moves = [organizations.show_move(move) for move in world.organizations[top].moves]
    found = _all(driver, caller, f"/v1/organizations/{top}/moves")
    assert [{**one, "id": ""} for one in found] == moves
    runs = [one for _, one in sorted(world.assessments.items()) if one.organization_id in ids]
    _same(driver, caller, f"/v1/assessments?subtree={top}", [assessments.show(world, caller, one) for one in runs])
    items = [one for _, one in sorted(world.items.items()) if one.organization_id in ids]
    _same(driver, caller, f"/v1/action-items?subtree={top}", [action_items.show(world, caller, one) for one in items])


def check_assessment(driver: Driver, caller: Caller, one: Assessment) -> None:
    """Compare all that belongs to an assessment, as this caller sees it."""
    world, path = driver.world, f"/v1/assessments/{one.id}"
    own = caller.seat is not None and caller.seat[0] == one.id
    parts = ("participants", "consensus", "practices", "history", "readiness")
    if not own and not (caller.seat is None and world.reads(caller, one.organization_id)):
        for part in ("", *(f"/{part}" for part in parts)):
            assert driver.read(caller, path + part).status_code == 404
        return
    answer = driver.read(caller, path)
    assert answer.json() == assessments.show(world, caller, one)
    assert driver.read(caller, path, **{"If-None-Match": answer.headers["etag"]}).status_code == 304
    _same(driver, caller, f"{path}/participants", [seats.show_seat(one.id, s) for _, s in sorted(one.seats.items())])
    _alike(driver, caller, f"{path}/consensus", _shown(one.consensus))
    _alike(driver, caller, f"{path}/practices", _shown(one.ratings))
    history = _all(driver, caller, f"{path}/history")
    assert [_without_id(row) for row in history] == one.history
    answer = driver.read(caller, f"{path}/administration")
    if one.administration is None:
        assert answer.status_code == 404
    else:
        assert decisions.show_decision(None, one.administration) == answer.json()
    votes = driver.read(caller, f"{path}/votes")
    if own:
        assert caller.seat is not None
        _alike(driver, caller, f"{path}/votes", decisions.visible_votes(one, caller.seat[1]))
    else:
        assert votes.status_code == 403
    check_readiness(driver, caller, one)


def check_readiness(driver: Driver, caller: Caller, one: Assessment) -> None:
    """Compare the readiness object with the one made of the model's own votes."""
    given = scoring_input(one, as_of=driver.world.today(one.organization_id))
    expected = to_builtins(assess(given)) | _names(driver.world, one)
    found = driver.get(caller, f"/v1/assessments/{one.id}/readiness")
    # The digest of what is stored is keyed with a secret, so that the votes cannot be guessed from it.
    assert found.pop("input_hash") != expected.pop("input_hash")
    assert found == expected
    if given.sealed:
        assert found["readiness"] is None
        assert found["reason"] == "votes_sealed"


def _names(world: World, one: Assessment) -> dict[str, Any]:
    program = world.programs[world.implementations[one.implementation_id].program_id]
    return {
        "assessment_id": one.id,
        "assessment_title": one.title,
        "organization_id": one.organization_id,
        "organization_name": world.organizations[one.organization_id].name,
        "program_id": program.id,
        "program_name": program.name,
    }


def check_records(driver: Driver, caller: Caller) -> None:
    """Compare the histories of what this caller sees, of a few things each."""
    world = driver.world
    for use in _seen(world, caller, world.implementations)[-3:]:
        stages = _all(driver, caller, f"/v1/implementations/{use.id}/stages")
        assert [_without_id(row) for row in stages] == use.stages
    for item in _seen(world, caller, world.items)[-3:]:
        assert _all(driver, caller, f"/v1/action-items/{item.id}/notes") == item.notes
        history = _all(driver, caller, f"/v1/action-items/{item.id}/history")
        assert [_without_id(row) for row in history] == item.history


def _seen(world: World, caller: Caller, rows: dict[str, Any]) -> list[Any]:
    return [one for id_, one in sorted(rows.items()) if world.reads(caller, getattr(one, "organization_id", id_))]


def _is_superseded(world: World, id_: str) -> bool:
    revision = assessments.successor(world, world.assessments[id_])
    return revision is not None and revision.state == "final"


def _all(driver: Driver, caller: Caller, path: str, limit: int = 200) -> list[Any]:
    """Return all pages of a list."""
    found: list[Any] = []
    following = f"{path}{'&' if '?' in path else '?'}limit={limit}"
    while following:
        page = driver.get(caller, following)
        found += page["items"]
        cursor = page["next_cursor"]
        following = f"{path}{'&' if '?' in path else '?'}limit={limit}&cursor={cursor}" if cursor else ""
    return found


def _same(driver: Driver, caller: Caller, path: str, expected: list[dict[str, Any]]) -> None:
    # Small pages now and then, so that cursors are followed too.
    found = _all(driver, caller, path, limit=200 if driver.number() % 7 else 3)
    assert expected == found, f"{path} by {caller.name} {caller.grants}"


def _alike(driver: Driver, caller: Caller, path: str, expected: list[dict[str, Any]]) -> None:
    """The same for rows some of whose ids only the service knows."""
    found = _all(driver, caller, path)
    assert [row["id"] for row in found] == sorted(row["id"] for row in found)

    def order(row: dict[str, Any]) -> tuple[Any, ...]:
        return (row["practice"], row.get("participant_id"), row.get("round"))

    assert sorted(expected, key=order) == sorted(found, key=order), f"{path} by {caller.name}"


def _shown(rows: dict[str, Any]) -> list[dict[str, Any]]:
    return [decisions.show_decision(practice, one) for practice, one in rows.items()]


def _without_id(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "id"}
