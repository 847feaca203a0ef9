"""Filters of SCIM are answered by PostgreSQL, or refused."""

from typing import Any

import pytest

from tests.support.actors import Actor, Tenancy
from tests.support.scim import ENTERPRISE, USERS, found, new_provisioner, user

pytestmark = pytest.mark.anyio


@pytest.fixture
async def idp(tenancy: Tenancy) -> Actor:
    """An identity provider with three users."""
    made = await new_provisioner(tenancy)
    people: dict[str, dict[str, Any]] = {
        "ana": {
            "externalId": "A1",
            "title": "Coach",
            "name": {"givenName": "Ana", "familyName": "Lima"},
            "emails": [{"value": "ana@work.example", "type": "work", "primary": True}, {"value": "ana@home.example"}],
            ENTERPRISE: {"employeeNumber": "100"},
        },
        "Ben_%": {"externalId": "B2", "active": False, "emails": [{"value": "ben@work.example", "type": "work"}]},
        "cleo": {},
    }
    for name, fields in people.items():
        await made.made(USERS, user(name, **fields))
    return made


@pytest.mark.parametrize(
    ("scim_filter", "expected"),
    [
        ('userName eq "ANA"', ["ana"]),
        ('externalId eq "A1"', ["ana"]),
        ('externalId eq "a1"', []),
        ('userName sw "ben_"', ["Ben_%"]),
        ('userName co "%" or userName ew "o"', ["Ben_%", "cleo"]),
        ('emails.value eq "ANA@home.example"', ["ana"]),
        ('emails[type eq "work" and primary eq true]', ["ana"]),
        ('emails[type eq "home" and value co "ana"]', []),
        ("active eq false", ["Ben_%"]),
        ('not (title eq "coach")', ["Ben_%", "cleo"]),
        ('title ne "coach" and externalId pr', ["Ben_%"]),
        ("name pr", ["ana"]),
        ('name.familyName eq "LIMA"', ["ana"]),
        (f'{ENTERPRISE}:employeeNumber eq "100"', ["ana"]),
        ("manager pr", []),
        ('title eq "my manager eq"', []),
        ('meta.lastModified gt "2000-01-01T00:00:00Z"', ["ana", "Ben_%", "cleo"]),
        ('meta.created gt "2190-01-01T00:00:00"', []),
        ('userName eq "x\' or 1=1 --"', []),
    ],
)
async def test_a_filter_finds(idp: Actor, scim_filter: str, expected: list[str]) -> None:
    assert await found(idp, scim_filter) == expected


HOSTILE = {
    "unbalanced": '(userName eq "ana"',
    "cut": 'userName eq "ana',
    "empty": "",
    "deep": "(" * 1_000 + 'userName eq "ana"' + ")" * 1_000,
    "negated": "not (" * 1_000 + 'userName eq "ana"' + ")" * 1_000,
    "long": " or ".join(['userName eq "ana"'] * 2_000),
    "password": 'password sw "a"',
    "unknown": 'favouriteColour eq "red"',
    "of a date": 'meta.created co "20"',
    "of a flag": "active gt true",
    "NUL": 'userName eq "a\\u0000"',
    "surrogate": 'userName eq "\\ud800"',
    "number": "userName eq 1e400",
    "nested": 'emails[value[type eq "x"] eq "a"]',
}


@pytest.mark.parametrize("scim_filter", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("way", ["query", "body"])
async def test_what_cannot_be_answered_is_an_invalid_filter(idp: Actor, scim_filter: str, way: str) -> None:
    if way == "query":
        answer = await idp.get(USERS, params={"filter": scim_filter})
    else:
        body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": scim_filter}
        answer = await idp.post(f"{USERS}/.search", body)
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidFilter")
    assert "ana" not in answer.json()["detail"]
