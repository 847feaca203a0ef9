"""An implementation, an assessment of it and the team that makes it, over HTTP."""

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from tests.support.actors import Actor, Tenancy

PRACTICES = [f"P{number}" for number in range(1, 10)]
PERSPECTIVES = ["executive", "manager", "supervisor", "practitioner", "hr"]


@dataclass
class Team:
    """One assessment and the holders of its seats."""

    tenancy: Tenancy
    assessment: dict[str, Any]
    seats: dict[str, Actor] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return f"/v1/assessments/{self.assessment['id']}"

    async def invited(self, label: str, *, seat: str = "respondent", **fields: Any) -> dict[str, Any]:
        """Add a seat; the answer, with its invitation."""
        body = {"seat": seat, "label": label, **({"perspective": "practitioner"} if seat == "respondent" else {})}
        made = await self.tenancy.admin.made(f"{self.path}/participants", body | fields)
        self.ids[label] = made["id"]
        return made

    async def seat(self, label: str, *, seat: str = "respondent", perspective: str = "practitioner") -> Actor:
        """Add a seat and claim it."""
        fields = {"perspective": perspective} if seat == "respondent" else {}
        made = await self.invited(label, seat=seat, **fields)
        return await self.claim(label, made["invitation"]["code"])

    async def paper(self, label: str, *, perspective: str = "practitioner") -> str:
        """Add a paper seat; its id."""
        made = await self.invited(label, channel="paper", perspective=perspective)
        assert made["invitation"] is None
        return self.ids[label]

    async def claim(self, label: str, code: str) -> Actor:
        """Claim a seat as the person does who was given the code."""
        answer = await self.tenancy.http.post("/v1/seats/claim", json={"code": code})
        assert answer.status_code == 201, answer.text
        self.seats[label] = self.tenancy.holder(answer.json()["token"])
        return self.seats[label]

    async def invite_again(self, label: str) -> str:
        """Invite to a seat again; the new code."""
        path = f"{self.path}/participants/{self.ids[label]}/invitation"
        code: str = (await self.tenancy.admin.made(path, None))["invitation"]["code"]
        return code

    async def reseat(self, label: str) -> Actor:
        """Invite to a seat again, and claim it."""
        return await self.claim(label, await self.invite_again(label))

    async def withdraw(self, label: str) -> None:
        """Withdraw a seat."""
        answer = await self.tenancy.admin.delete(f"{self.path}/participants/{self.ids[label]}")
        assert answer.status_code == 204, answer.text

    async def enter(self, label: str, practice: str, value: int | str, **kwargs: Any) -> Any:
        """Enter a vote of a paper seat."""
        path = f"{self.path}/votes/{self.ids[label]}/{practice}"
        return await self.tenancy.admin.put(path, {"value": value}, **kwargs)

    async def move(self, to: str, reason: str | None = None) -> dict[str, Any]:
        """Move the assessment and insist that it moves."""
        answer = await self.tenancy.admin.move(self.path, to, reason=reason)
        assert answer.status_code == 200, answer.text
        self.assessment = answer.json()
        return self.assessment

    async def vote(self, label: str, practice: str, value: int | str, **kwargs: Any) -> Any:
        """Cast a vote with the seat's token."""
        path = f"{self.path}/votes/{self.ids[label]}/{practice}"
        return await self.seats[label].put(path, {"value": value}, **kwargs)

    async def vote_all(self, votes: dict[str, list[int | str]]) -> None:
        """Every respondent's votes on all practices; new seats are added."""
        for label in votes:
            if label not in self.seats:
                await self.seat(label)
        if self.assessment["state"] == "draft":
            await self.move("collecting")
        for label, values in votes.items():
            for practice, value in zip(PRACTICES, values, strict=True):
                answer = await self.vote(label, practice, value)
                assert answer.status_code == 201, answer.text

    async def consensus(self, practice: str, value: int | str, note: str | None = None) -> Any:
        """Record a consensus."""
        return await self.tenancy.admin.put(f"{self.path}/consensus/{practice}", {"value": value, "note": note})

    async def administration(self) -> None:
        """Record how it was run."""
        body = {"roles_present": [{"seat": "respondent", "count": 5}], "evidence_reviewed": True}
        answer = await self.tenancy.admin.put(f"{self.path}/administration", body)
        assert answer.status_code in {200, 201}, answer.text

    async def readiness(self, actor: Actor | None = None, **params: Any) -> dict[str, Any]:
        """Return the readiness object."""
        answer = await (actor or self.tenancy.admin).get(f"{self.path}/readiness", params=params)
        assert answer.status_code == 200, answer.text
        made: dict[str, Any] = answer.json()
        return made


async def new_implementation(tenancy: Tenancy, organization_id: str | None = None, **fields: Any) -> dict[str, Any]:
    """Make a program of the root that an organization implements."""
    at = organization_id or tenancy.root_id
    program = await tenancy.admin.made(
        "/v1/programs", {"organization_id": tenancy.root_id, "name": f"Program {uuid4().hex[:6]}"}
    )
    return await tenancy.admin.made(
        "/v1/implementations",
        {"organization_id": at, "program_id": program["id"], "stage": "initial_implementation", **fields},
    )


async def new_team(tenancy: Tenancy, organization_id: str | None = None, **fields: Any) -> Team:
    """Make a draft assessment of a new implementation."""
    implementation = await new_implementation(tenancy, organization_id)
    made = await tenancy.admin.made(
        "/v1/assessments", {"implementation_id": implementation["id"], "title": "Baseline", **fields}
    )
    return Team(tenancy, made)
