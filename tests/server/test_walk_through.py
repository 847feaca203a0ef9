"""The README's walk-through, as it is written, against the started service."""

import re
import subprocess
from pathlib import Path

from tests.support.services import CHECKOUT, environment, serving


def blocks() -> str:
    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    section = readme.split("\n## The first five minutes")[1].split("\n## ")[0]
    return "\n".join(re.findall(r"```sh\n(.*?)```", section, re.DOTALL))


def test_the_walk_through_works_by_copy_and_paste(folder: Path) -> None:
    with serving(folder / "data") as service:
        done = subprocess.run(  # noqa: S603 - our own README
            ["/bin/bash", "-uo", "pipefail", "-c", "set -e\n" + blocks()],
            cwd=CHECKOUT,
            env=environment(FA_DATA_DIR=service.data_dir) | {"FA": service.address},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    output = done.stdout
    assert "votes_sealed {'invited': 3, 'voted': 3" in output
    assert re.findall(r"^(collecting|consensus|final|open)$", output, re.MULTILINE) == [
        "collecting",
        "consensus",
        "final",
        "open",
    ]
    assert "readiness 61.111111 advancing shortest way to established" in output
    assert '"gap_score": 0' in output
