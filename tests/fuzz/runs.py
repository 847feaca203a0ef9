"""Running schemathesis as its users run it: who calls, on what, and what came of it."""

import asyncio
import json
import os
import random
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.access.operations import OPERATIONS
from tests.support.actors import Actor
from tests.support.places import Place
from tests.support.services import CHECKOUT, Service

HERE = Path(__file__).parent
SECONDS = 1_200
KINDS = (
    *("organization", "program", "implementation", "person", "assessment", "participant", "action_item"),
    *("job", "principal", "role_grant", "api_key"),
)

#: `FUZZ_SEED=7 FUZZ_EXAMPLES=30 CI=true` is a longer run of another seed.
SEED = int(os.environ.get("FUZZ_SEED", "20261005"))
#: Every operation, or as many as the everyday test loop can wait for.
WHOLE = bool(os.environ.get("CI"))
SOME_OPERATIONS = 16
#: Test cases of the fuzzing phase for each operation.
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "4" if WHOLE else "3"))


@dataclass
class Caller:
    """Who runs schemathesis, the peer who must not get at the same things, and whose things lie beyond."""

    name: str
    actor: Actor
    peer: Actor
    places: Sequence[Place]
    beyond: Place
    phases: str
    examples: int
    profile: str

    @property
    def own(self) -> dict[str, list[str]]:
        """The ids of what the caller may work on, by kind."""
        ids = {kind: [getattr(place, kind) for place in self.places] for kind in KINDS}
        return {**ids, "profile": [self.profile]}

    @property
    def others(self) -> dict[str, str]:
        """The ids of what lies out of the caller's sight, by kind."""
        return {kind: getattr(self.beyond, kind) for kind in KINDS}


@dataclass
class Run:
    """What came of it."""

    name: str
    output: str
    report: dict[str, Any]
    answers: Counter[str]

    @property
    def cases(self) -> int:
        """Test cases that schemathesis generated."""
        return int(self.report["test_cases"]["generated"])


async def run(caller: Caller, service: Service, folder: Path) -> Run:
    """Run schemathesis as this caller in a separate folder."""
    _prepare(caller, folder)
    with (folder / "output").open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", "schemathesis.toml"),
            *("run", f"{service.address}/openapi.json", "--phases", caller.phases, "--seed", str(SEED)),
            *("--no-color", "--report", "json", "--report-json-path", "report.json"),
            cwd=folder,
            # The order of sets decides some of what is drawn.
            env={
                **os.environ,
                "FUZZ_SCENE": str(folder / "scene.json"),
                "PYTHONHASHSEED": "0",
                "PYTHONPATH": str(CHECKOUT),
            },
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            await asyncio.wait_for(process.wait(), SECONDS)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    return _outcome(caller, folder)


def _prepare(caller: Caller, folder: Path) -> None:
    folder.mkdir()
    scene = {"own": caller.own, "others": list(caller.others.values())}
    files = {
        "auth.json": json.dumps(_credentials(caller)),
        "scene.json": json.dumps(scene),
        "schemathesis.toml": _configuration(caller),
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def _outcome(caller: Caller, folder: Path) -> Run:
    output = (folder / "output").read_text(encoding="utf-8", errors="replace")
    assert (folder / "report.json").exists(), output
    return Run(
        caller.name,
        output,
        json.loads((folder / "report.json").read_text(encoding="utf-8")),
        Counter(json.loads((folder / "answers.json").read_text(encoding="utf-8"))),
    )


def _credentials(caller: Caller) -> dict[str, Any]:
    actors = {"caller": caller.actor, "peer": caller.peer}
    return {
        "auth": [
            {"name": name, "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {actor.token}"}]}
            for name, actor in actors.items()
        ]
    }


def _configuration(caller: Caller) -> str:
    """Return the shared configuration, with the caller, the ids of both sides and the number of cases."""
    # As likely as not somebody else's: a hole in the fence is found by those who push against it.
    others = {kind: [one] * len(caller.places) for kind, one in caller.others.items()}
    words = {kind: [*ids, *others.get(kind, ())] for kind, ids in caller.own.items()}
    words |= {"if_match": ["*"], "practice": ["P1", "P2"]}
    bound = [
        f'"{place}.{kind}_id" = {{ dictionary = "{kind}", probability = 0.5 }}'
        for kind in caller.own
        for place in ("path", "query", "body")
    ]
    shared = (HERE / "schemathesis.toml").read_text(encoding="utf-8")
    head, _, rest = shared.partition("[parameters]\n")
    return "\n".join(
        [
            f"hooks = {json.dumps(str(HERE / 'hooks.py'))}",
            head,
            "[parameters]",
            *bound,
            rest,
            "[generation]",
            f"max-examples = {caller.examples}",
            'database = "none"',
            "no-shrink = true",
            "[phases.stateful.generation]",
            f"max-examples = {EXAMPLES * (10 if WHOLE else 3)}",
            *([] if WHOLE else _only_some_operations()),
            "[dictionaries]",
            *(f"{name} = {{ values = {json.dumps(values)} }}" for name, values in words.items()),
            "[auth.wfc]",
            'path = "auth.json"',
            'user = "caller"',
            'peers = ["caller", "peer"]',
        ]
    )


def _only_some_operations() -> list[str]:
    names = sorted(OPERATIONS)
    left_out = set(names) - set(random.Random(f"{SEED} operations").sample(names, SOME_OPERATIONS))  # repeatable
    return ["[[operations]]", f"include-operation-id = {json.dumps(sorted(left_out))}", "enabled = false"]
