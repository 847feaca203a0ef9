"""The build stage of the Dockerfile, run in a folder: a container engine is not needed for that."""

import json
import re
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.tools import run

ROOT = Path(__file__).parents[2]
SECONDS = 1_200


@dataclass(frozen=True)
class Instruction:
    """One instruction of a Dockerfile."""

    word: str
    rest: str


@dataclass(frozen=True)
class Dockerfile:
    """The instructions of the build stage and of the final stage."""

    build: list[Instruction]
    final: list[Instruction]

    def last(self, word: str) -> str:
        """Return what follows the last such instruction of the final stage."""
        return [one.rest for one in self.final if one.word == word][-1]

    @property
    def environment(self) -> dict[str, str]:
        return dict(pair.split("=", 1) for pair in shlex.split(self.last("ENV")))

    @property
    def health_check(self) -> list[str]:
        """Return the command of the health check, with the Python of these tests."""
        found: list[str] = json.loads(self.last("HEALTHCHECK").partition("CMD ")[2])
        assert found[0] == "python"
        return [sys.executable, *found[1:]]


def read(path: Path) -> Dockerfile:
    """Return the instructions of a Dockerfile of two stages."""
    text = re.sub(r"^\s*#.*\n", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]
    instructions = [Instruction(*line.split(maxsplit=1)) for line in lines]
    stages = [at for at, one in enumerate(instructions) if one.word == "FROM"]
    assert len(stages) == 2
    return Dockerfile(instructions[: stages[1]], instructions[stages[1] :])


@pytest.fixture(scope="session")
def dockerfile() -> Dockerfile:
    return read(ROOT / "Dockerfile")


@pytest.fixture(scope="session")
def image(dockerfile: Dockerfile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The environment that the build stage makes: what the image has at /opt/fa."""
    root = tmp_path_factory.mktemp("image")
    places = {"/opt/fa": root / "fa", "/src": root / "src", "/dist": root / "dist"}
    (root / "src").mkdir()
    for one in dockerfile.build:
        if one.word == "COPY":
            *sources, target = one.rest.split()
            for source in sources:
                _copy(ROOT / source, root / "src" / target)
        elif one.word == "RUN":
            command = re.sub(r"(/opt/fa|/src|/dist)\b", lambda found: str(places[found[1]]), one.rest)
            command = re.sub(r"(?<![\w/-])python ", f"{shlex.quote(sys.executable)} ", command)
            # As a container engine runs it.
            done = run(["/bin/sh", "-c", command], cwd=root / "src", seconds=SECONDS)
            assert done.returncode == 0, done.stdout
    return root / "fa"


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)
