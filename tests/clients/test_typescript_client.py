"""A TypeScript client nobody here wrote: typed from the document, compiled strictly, and used for the main job."""

import shutil
from pathlib import Path

import pytest

from tests.support.services import Service
from tests.support.tools import ROOT, node_modules, run

SOURCES = Path(__file__).parent / "typescript"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a project with the types generated from the document."""
    folder = tmp_path_factory.mktemp("typescript-client")
    packages = node_modules()
    (folder / "node_modules").symlink_to(packages)
    (folder / "package.json").write_text('{"type": "module"}')
    for name in ("main-job.ts", "tsconfig.json"):
        shutil.copy(SOURCES / name, folder)
    # Without that option a field that may be absent because it has a default would have to be sent.
    generate: list[str | Path] = [packages / ".bin" / "openapi-typescript", "--default-non-nullable", "false"]
    done = run([*generate, ROOT / "openapi" / "openapi.json", "--output", folder / "schema.d.ts"])
    assert done.returncode == 0, done.stdout
    return folder


@pytest.fixture(scope="module")
def compiled(client: Path) -> Path:
    """The client's program, after the compiler found nothing."""
    done = run([node_modules() / ".bin" / "tsc", "--strict", "--project", client])
    assert done.returncode == 0, done.stdout
    return client / "built" / "main-job.js"


def test_it_does_the_main_job(compiled: Path, service: Service) -> None:
    done = run(["node", compiled, service.address, service.key])
    assert done.returncode == 0, done.stdout


def test_the_compiler_would_have_noticed(client: Path) -> None:
    # Otherwise a document without types, where anything goes, would pass as well.
    (client / "wrong.ts").write_text(
        'import type { components } from "./schema.js";\n'
        'type Read = components["schemas"]["ReadinessRead"];\n'
        "export const unknown = (read: Read) => read.practices[0]?.colour;\n"
        'export const mistaken = (read: Read) => read.practices[0]?.score === "two";\n'
    )
    done = run([node_modules() / ".bin" / "tsc", "--strict", "--noEmit", "--skipLibCheck", client / "wrong.ts"])
    assert "TS2339" in done.stdout
    assert "TS2367" in done.stdout
