"""Functions that orval and hey-api generate from the document: compiled strictly, and called with filters."""

import json
import shutil
from pathlib import Path

import pytest

from tests.support.services import Service
from tests.support.tools import ROOT, node_modules, run

SOURCES = Path(__file__).parent / "typescript"
DOCUMENT = ROOT / "openapi" / "openapi.json"


def generate_orval(folder: Path) -> None:
    """Generate `orval.ts`: one file of functions over fetch."""
    orval = node_modules() / ".bin" / "orval"
    options = ["--client", "fetch", "--mode", "single", "--output", str(folder / "orval.ts")]
    done = run([orval, "--input", DOCUMENT, *options])
    assert done.returncode == 0, done.stdout


def generate_hey_api(folder: Path) -> None:
    """Generate the folder `hey-api`."""
    done = run([node_modules() / ".bin" / "openapi-ts", "--no-log-file"], cwd=folder, OPENAPI=str(DOCUMENT))
    assert done.returncode == 0, done.stdout


GENERATORS = {"orval": generate_orval, "hey-api": generate_hey_api}


@pytest.mark.parametrize("name", GENERATORS)
def test_the_generated_functions_compile_and_filter(name: str, tmp_path: Path, service: Service) -> None:
    packages = node_modules()
    (tmp_path / "node_modules").symlink_to(packages)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    for file in (f"{name}-job.ts", "openapi-ts.config.mjs"):
        shutil.copy(SOURCES / file, tmp_path)
    settings = json.loads((SOURCES / "tsconfig.generated.json").read_text())
    (tmp_path / "tsconfig.json").write_text(json.dumps({**settings, "files": [f"{name}-job.ts"]}))
    GENERATORS[name](tmp_path)
    compiled = run([packages / ".bin" / "tsc", "--project", tmp_path])
    assert compiled.returncode == 0, compiled.stdout
    done = run(["node", tmp_path / "built" / f"{name}-job.js", service.address, service.key])
    assert done.returncode == 0, done.stdout
