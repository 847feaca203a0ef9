"""A Python client nobody here wrote: generated without a warning, typed, and used for the main job."""

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.support.services import Service
from tests.support.tools import ROOT, client_python, run

DOCUMENT = ROOT / "openapi" / "openapi.json"
MAIN_JOB = Path(__file__).parent / "python" / "main_job.py"
CONFIG = Path(__file__).parent / "python" / "generator.yaml"
PACKAGE = "facilitative_administration_readiness_client"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that holds the generated package and the script that uses it."""
    folder = tmp_path_factory.mktemp("python-client")
    tools = client_python().parent
    done = run(
        [
            tools / "openapi-python-client",
            *("generate", "--config", CONFIG, "--fail-on-warning", "--meta", "none", "--path", DOCUMENT),
            *("--output-path", folder / PACKAGE),
        ],
        # The generator runs the linter of its own environment over what it wrote.
        PATH=f"{tools}{os.pathsep}{os.environ['PATH']}",
    )
    assert done.returncode == 0, done.stdout
    assert "warning" not in done.stdout.lower(), done.stdout
    shutil.copy(MAIN_JOB, folder)
    return folder


def test_every_operation_was_generated(client: Path) -> None:
    modules = {path.stem for path in (client / PACKAGE / "api").glob("*/*.py")} - {"__init__"}
    paths = json.loads(DOCUMENT.read_text(encoding="utf-8"))["paths"]
    assert len(modules) == json.dumps(paths).count('"operationId"')


def test_it_does_the_main_job(client: Path, service: Service) -> None:
    done = run([client_python(), client / MAIN_JOB.name, service.address, service.key], PYTHONPATH=str(client))
    assert done.returncode == 0, done.stdout


def test_its_use_is_well_typed(client: Path) -> None:
    # Silent of the imports: what the generator writes into every client is for its own authors to mend.
    options = ["--strict", "--follow-imports", "silent", "--cache-dir", str(client / "cache")]
    done = run([client_python(), "-m", "mypy", *options, client / MAIN_JOB.name], MYPYPATH=str(client))
    assert done.returncode == 0, done.stdout
