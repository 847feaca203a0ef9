"""How any step makes its requests: who sends them, under which conditions, and whether in earnest."""

from datetime import timedelta
from typing import Any

from tests.state.chance import Chance
from tests.state.driver import Driver, Request, Surroundings
from tests.state.model.things import Assessment, Thing
from tests.state.model.world import Caller, World

ROLES = ["viewer", "facilitator", "manager", "integrator", "admin", "respondent"]


class Player:
    """One tenant, everybody who calls in it, and what chance decides next."""

    def __init__(self, around: Surroundings) -> None:
        self.driver = Driver(around)
        self.callers: list[Caller] = [*self.world.keys, around.stranger]
        self.repeats: list[tuple[Request, Caller, str]] = []
        self.chance = Chance(0)

    @property
    def world(self) -> World:
        return self.driver.world

    @property
    def living(self) -> list[Caller]:
        """Who is let in."""
        return [one for one in self.callers if self.driver.dead(one) is None]

    def do(self, method: str, path: str, body: Any, *how: Any, **conditions: Any) -> Any:
        """Perform a request; now and then as a rehearsal or, a POST, under an idempotency key.

        Args:
            how: the rule that decides the expected answer, and its arguments.
            conditions: `plain`: by the admin and in earnest; `caller`; `if_match`; `must_not_exist`.
        """
        plain = conditions.pop("plain", False)
        caller = conditions.pop("caller", None) or (self.driver.admin if plain else self.caller())
        request = Request(method, f"/v1/{path}", body, how[0], how[1:], **conditions)
        dry_run = not plain and self.chance.rarely(12)
        key = None
        if method == "POST" and not plain and self.chance.rarely(4):
            key = f"key-{self.driver.number()}"
            self.repeats.append((request, caller, key))
        done = self.driver.perform(request, caller, dry_run=dry_run, key=key)
        self.callers += [holder for holder in self.world.holders if holder not in self.callers]
        return done

    def caller(self) -> Caller:
        """Choose the admin most of the time, who gets furthest, or any caller, even one whose credential has ended."""
        at = self.chance.below(10)
        if at < 7:
            return self.driver.admin
        return self.chance.pick(self.world.keys if at < 9 else self.callers)

    def tag(self, row: Thing | None) -> dict[str, Any]:
        """Choose the condition of a change: mostly the present version."""
        at = self.chance.below(10)
        version = row.version if row is not None else 1
        if at < 7:
            return {"if_match": version}
        other = version + (self.chance.pick([-1, 1]) if version > 1 else 1)
        return {"if_match": ["*", None, other][at - 7]}

    def tag_of_put(self, row: Thing | None) -> dict[str, Any]:
        """Choose the condition of a PUT that creates or replaces."""
        if self.chance.rarely(8):
            return {"must_not_exist": True}
        if row is None:
            return {"if_match": "*"} if self.chance.rarely(8) else {}
        return self.tag(row)

    def named(self, what: str) -> str:
        return f"{what} {self.driver.number()}"

    def under_way(self, state: str | None = None) -> Assessment | None:
        """Choose an assessment, mostly one in the state where most can happen."""
        runs = list(self.world.assessments.values())
        wanted = [one for one in runs if one.state == state]
        if wanted and not self.chance.rarely(5):
            return self.chance.pick(wanted)
        return runs[-1 - self.chance.below(len(runs))] if runs else None

    # What no request does

    def a_key(self) -> None:
        """A key with a role or two somewhere; or one is revoked, but never the admin's."""
        if len(self.world.keys) > 1 and self.chance.rarely(3):
            self.driver.revoke(self.chance.pick(self.world.keys[1:]))
            return
        places = list(self.world.organizations)
        grants = {(self.chance.pick(ROLES), self.chance.pick(places)) for _ in range(1 + self.chance.below(2))}
        self.callers.append(self.driver.add_key(*sorted(grants), hours=self.chance.pick([None, None, 20])))

    def some_time(self) -> None:
        """Time passes: windows open and end, items become overdue, keys end, answers are forgotten."""
        self.driver.wait(timedelta(hours=self.chance.pick([1, 5, 25])))

    def again(self) -> None:
        """A request under an idempotency key is sent again, or another one under the same key."""
        if not self.repeats:
            return
        request, caller, key = self.chance.pick(self.repeats)
        if self.chance.rarely(4):
            request = self.chance.pick(self.repeats)[0]
        self.driver.perform(request, self.caller() if self.chance.rarely(6) else caller, key=key)
