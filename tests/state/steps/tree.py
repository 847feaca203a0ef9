"""Steps on the tree, on programs and their use, and on people."""

from datetime import timedelta
from typing import Any

from tests.state.chance import Fields
from tests.state.model import organizations, programs
from tests.state.player import Player

ZONES = ["UTC", "America/Chicago", "Pacific/Kiritimati", "Pacific/Pago_Pago"]


def an_organization(play: Player) -> None:
    """Create, move, change, archive, restore or delete one; or create or update by external id."""
    play.chance.pick([_create, _move, _patch, _upsert, _transition, _remove])(play)


def a_plain_organization(play: Player, parent_id: str, zone: str | None) -> None:
    body = {"parent_id": parent_id, "kind": "site", "name": play.named("Site"), "timezone": zone}
    play.do("POST", "organizations", body, organizations.create, body, plain=True)


def _create(play: Player) -> None:
    body = {"parent_id": play.chance.any_of(play.world.organizations), **_fields(play)}
    if play.chance.rarely(3):
        body["external_ids"] = _external_ids(play)
    play.do("POST", "organizations", body, organizations.create, body)


def _move(play: Player) -> None:
    tree = play.world.organizations
    id_ = play.chance.any_of(tree)
    body = {"parent_id": play.chance.any_of(tree)}
    if play.chance.rarely(3):
        days = timedelta(days=play.chance.pick([0, -1, 1, -3]))
        body["moved_on"] = (play.world.now + days).date().isoformat()
    if play.chance.rarely(3):
        body["reason"] = "A merger."
    how = (organizations.move, id_, body)
    play.do("POST", f"organizations/{id_}/move", body, *how, **play.tag(tree.get(id_)))


def _patch(play: Player) -> None:
    id_ = play.chance.any_of(play.world.organizations)
    fields: Fields = {
        "name": [play.named("Renamed")],
        "kind": ["team", "county"],
        "staff_count": [7, None, 0],
    }
    changes = play.chance.some({**fields, "timezone": [*ZONES, None], "external_ids": [_external_ids(play)]})
    tag = play.tag(play.world.organizations.get(id_))
    play.do("PATCH", f"organizations/{id_}", changes, organizations.patch, id_, changes, **tag)


def _transition(play: Player) -> None:
    id_ = play.chance.any_of(play.world.organizations)
    one = play.world.organizations.get(id_)
    to = play.chance.pick(["active", "archived", "active"])
    if one is not None and not play.chance.rarely(6):
        to = "active" if one.archived_at else "archived"
    how = (organizations.transition, id_, to)
    play.do("POST", f"organizations/{id_}/transitions", {"to": to}, *how, **play.tag(one))


def _remove(play: Player) -> None:
    id_ = play.chance.any_of(play.world.organizations)
    tag = play.tag(play.world.organizations.get(id_))
    play.do("DELETE", f"organizations/{id_}", None, organizations.remove, id_, **tag)


def _upsert(play: Player) -> None:
    name = _external_id(play)
    pair = (name["source"], name["external_id"])
    one = play.world.named(pair)
    body = _fields(play)
    if one is not None and play.chance.rarely(3):
        body = {"kind": one.kind, "name": one.name}
    if one is not None and one.parent_id is not None and not play.chance.rarely(3):
        body["parent_id"] = one.parent_id
    elif play.chance.rarely(3):
        body["parent"] = _external_id(play)
    else:
        body["parent_id"] = play.chance.any_of(play.world.organizations)
    tag = play.tag_of_put(one) if play.chance.rarely(3) else {}
    path = f"organizations/by-external-id/{pair[0]}/{pair[1]}"
    play.do("PUT", path, body, organizations.upsert, pair, body, **tag)


def _fields(play: Player) -> dict[str, Any]:
    fields: dict[str, Any] = {"kind": play.chance.pick(["site", "team"]), "name": play.named("Site")}
    if play.chance.rarely(3):
        fields["timezone"] = play.chance.pick(ZONES)
    if play.chance.rarely(3):
        fields["staff_count"] = play.chance.pick([3, None])
    return fields


def _external_ids(play: Player) -> list[dict[str, str]]:
    return [_external_id(play) for _ in range(play.chance.below(3))]


def _external_id(play: Player) -> dict[str, str]:
    return {"source": play.chance.pick(["hr", "crm"]), "external_id": str(play.chance.below(6))}


def a_program(play: Player) -> None:
    """Create, change or delete a program."""
    id_ = play.chance.any_of(play.world.programs)
    tag = play.tag(play.world.programs.get(id_))
    what = play.chance.pick(["create", "patch", "hand-over", "remove"])
    if what == "hand-over":
        body = {"organization_id": play.chance.any_of(play.world.organizations)}
        how = (programs.hand_over_program, id_, body["organization_id"])
        play.do("POST", f"programs/{id_}/hand-over", body, *how, **tag)
    elif what == "create":
        body = {"organization_id": play.chance.any_of(play.world.organizations), "name": play.named("Program")}
        play.do("POST", "programs", body, programs.create_program, body)
    elif what == "patch":
        changes = play.chance.some({"name": [play.named("Program")], "description": ["Words.", None]})
        play.do("PATCH", f"programs/{id_}", changes, programs.patch_program, id_, changes, **tag)
    else:
        play.do("DELETE", f"programs/{id_}", None, programs.remove_program, id_, **tag)


def an_implementation(play: Player) -> None:
    """Begin to use a program, reach or go back to a stage, or give it up."""
    id_ = play.chance.any_of(play.world.implementations)
    tag = play.tag(play.world.implementations.get(id_))
    what = play.chance.pick(["create", "transition", "transition", "remove"])
    if what == "create":
        body = {
            "organization_id": play.chance.any_of(play.world.organizations),
            "program_id": play.chance.any_of(play.world.programs),
            "stage": play.chance.pick(programs.STAGES),
        }
        play.do("POST", "implementations", body, programs.create_implementation, body)
    elif what == "transition":
        to, reason = play.chance.pick([*programs.STAGES, "ended", "resumed"]), play.chance.pick(["Said so.", None])
        body = {"to": to} | ({"reason": reason} if reason else {})
        how = (programs.transition_implementation, id_, to, reason)
        play.do("POST", f"implementations/{id_}/transitions", body, *how, **tag)
    else:
        play.do("DELETE", f"implementations/{id_}", None, programs.remove_implementation, id_, **tag)


def a_person(play: Player) -> None:
    """Add, change, move or delete a person."""
    id_ = play.chance.any_of(play.world.people)
    tag = play.tag(play.world.people.get(id_))
    what = play.chance.pick(["create", "patch", "patch", "remove"])
    at = play.chance.any_of(play.world.organizations)
    if what == "create":
        body = {"organization_id": at, "name": play.named("Person"), "active": not play.chance.rarely(6)}
        play.do("POST", "people", body, programs.create_person, body)
    elif what == "patch":
        fields: Fields = {
            "name": [play.named("Person")],
            "active": [True, False],
            "organization_id": [at],
        }
        changes = play.chance.some(fields)
        play.do("PATCH", f"people/{id_}", changes, programs.patch_person, id_, changes, **tag)
    else:
        play.do("DELETE", f"people/{id_}", None, programs.remove_person, id_, **tag)
