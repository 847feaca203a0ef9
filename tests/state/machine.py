"""The state machine: what is done next; chance decides, the model expects, and everything is compared."""

from collections import Counter
from collections.abc import Callable
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.state import checks, rows
from tests.state.chance import Chance
from tests.state.driver import Surroundings
from tests.state.model import programs
from tests.state.player import ROLES, Player
from tests.state.steps.assessments import a_plain_assessment, a_seat, an_assessment, the_next_thing
from tests.state.steps.items import an_item
from tests.state.steps.tree import a_person, a_plain_organization, a_program, an_implementation, an_organization
from tests.state.steps.votes import a_decision, a_vote

Step = Callable[[Player], None]
CHECKED_EVERY = 18


def a_look(play: Player) -> None:
    """Anybody looks at anything: shown as the model has it, or not found."""
    caller, world = play.chance.pick(play.living), play.world
    if world.assessments:
        checks.check_assessment(play.driver, caller, play.chance.pick(list(world.assessments.values())))
    if caller.seat is None:
        checks.check_subtree(play.driver, caller, play.chance.pick(list(world.organizations)))
    checks.check_records(play.driver, caller)


OFTEN: list[Step] = [the_next_thing, an_assessment, a_seat, a_vote, a_decision, an_item, an_organization]
SELDOM: list[Step] = [a_program, an_implementation, a_person, a_look, Player.a_key, Player.again, Player.some_time]
#: What is done how often in one run.
MOODS: list[list[Step]] = [
    [the_next_thing, *OFTEN * 2, *SELDOM],
    [the_next_thing, *[a_seat, a_vote, a_decision, an_assessment] * 3, *OFTEN, *SELDOM],
    [the_next_thing, *[an_organization] * 8, *SELDOM * 2, *OFTEN],
    [the_next_thing, *[an_item] * 8, a_person, *SELDOM, *OFTEN],
]


class Machine(RuleBasedStateMachine):
    """One tenant in any order of requests."""

    around: ClassVar[Surroundings]

    def __init__(self) -> None:
        super().__init__()
        self.play = Player(self.around)
        self.mood = MOODS[0]
        self.seeds: Counter[int] = Counter()
        self.steps = 0
        self.sound = False

    @initialize(seed=st.integers(0, 2**24 - 1))
    def begin(self, seed: int) -> None:
        """A small tree with a program that all use, somebody of each role, and one assessment of three."""
        play, world = self.play, self.play.world
        play.chance = chance = Chance(seed)
        self.mood = chance.pick(MOODS)
        for parent, zone in ((0, "America/Chicago"), (1, None), (0, "Pacific/Kiritimati")):
            a_plain_organization(play, list(world.organizations)[parent], zone)
        _, branch, leaf, _ = world.organizations
        for role in ROLES:
            at = chance.pick([branch, branch, leaf, world.root_id])
            play.callers.append(play.driver.add_key((role, at)))
        body = {"organization_id": world.root_id, "name": "Program"}
        play.do("POST", "programs", body, programs.create_program, body, plain=True)
        for at in (branch, leaf):
            body = {"organization_id": at, "program_id": next(iter(world.programs)), "stage": "installation"}
            play.do("POST", "implementations", body, programs.create_implementation, body, plain=True)
            body = {"organization_id": at, "name": play.named("Person")}
            play.do("POST", "people", body, programs.create_person, body, plain=True)
        a_plain_assessment(play)
        self.check()

    @rule(seed=st.integers(0, 2**24 - 1))
    def step(self, seed: int) -> None:
        """One step. Its kinds are weighted here, not by Hypothesis, which would leave some out of each run."""
        self.sound = False
        # Hypothesis likes to repeat what it drew: the same seed again makes another choice.
        self.seeds[seed] += 1
        self.play.chance = Chance(seed + self.seeds[seed] * 2**24)
        self.play.chance.pick(self.mood)(self.play)
        self.sound = True
        self.steps += 1
        self.around.steps += 1
        if self.steps % CHECKED_EVERY == 0:
            self.check()

    def check(self) -> None:
        """Everything that must hold at any time."""
        self.sound = False
        driver, living = self.play.driver, [one for one in self.play.living if not one.foreign]
        for caller in (driver.admin, living[self.steps * 7 % len(living)], living[self.steps * 11 % len(living)]):
            checks.check_lists(driver, caller)
        for one in driver.world.assessments.values():
            checks.check_readiness(driver, driver.admin, one)
        checks.check_stranger(driver)
        rows.check_rows(driver)
        self.sound = True

    def teardown(self) -> None:
        """At the end too, unless something was found."""
        if self.sound:
            self.check()
