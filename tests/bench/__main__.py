"""`make bench`: the service against its framework's ceiling and against PostgreSQL alone, as ratios of one run."""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.bench import growth
from tests.bench.data import Sizes
from tests.bench.figures import measure
from tests.bench.load import Load
from tests.bench.peers import compare
from tests.bench.place import CHECKOUT, log, placed
from tests.bench.processes import seconds_to_ready
from tests.bench.rounds import HEAD, Line, as_json, busiest, lines, markdown, spread

#: Enough rows and requests to run every line of the benchmark; the figures say nothing.
TINY = Sizes(organizations=400, assessments=100, items=1_000)
TINY_LARGE = replace(TINY, assessments=1_000, items=10_000, chain=50, siblings=300)
TINY_LOAD = Load(connections=2, seconds=0.1, warm=0.02)


def bench(
    data_dir: Path, sizes: Sizes, load: Load, *, rounds: int, starts: int = 5, transactions: int = 0
) -> tuple[str, dict[str, Any]]:
    """Make the data where they are missing, and measure: a table and the same for scripts."""
    with placed(data_dir, sizes) as place:
        figures, memory = measure(place, load, rounds=rounds, transactions=transactions)
    ready = spread([seconds_to_ready(data_dir) for _ in range(starts)])
    about = f"{ready[0]:.2f}", f"{ready[1]:.2f} - {ready[2]:.2f}"
    more: list[Line] = [
        ("memory of the process, MB PSS", "<= 100", "<= 80", f"{memory.loaded:.0f}"),
        ("ready after start with data there, s", "<= 3", "<= 2", *about),
    ]
    found = {
        "figures": as_json(figures),
        "pss_mb": {"goals": (100, 80), "warm": memory.warm, "loaded": memory.loaded},
        "ready_s": {"goals": (3, 2), "spread": ready},
        "busiest": busiest(figures),
    }
    return markdown(HEAD, [*lines(figures), *more]) + _note(found, load), found


def _note(found: dict[str, Any], load: Load) -> str:
    return (
        f"\nOne worker, {load.connections} connections; the load was busy at most {found['busiest']:.0%} of the time.\n"
    )


def peers(data_dir: Path, programs: Path, sizes: Sizes, load: Load, *, rounds: int) -> tuple[str, dict[str, Any]]:
    """Compare with PocketBase and django-ninja."""
    with placed(data_dir, sizes) as place:
        figures = compare.measure(place, programs, load, rounds=rounds)
    found = {"figures": as_json(figures), "busiest": busiest(figures)}
    return markdown(HEAD, lines(figures)) + _note(found, load), found


def growth_of(base: Path, sizes: tuple[Sizes, Sizes], load: Load, *, rounds: int) -> tuple[str, dict[str, Any]]:
    """Return the same reads with ten times the rows."""
    with placed(base / "data", sizes[0]) as small, placed(base / "growth", sizes[1]) as large:
        rows, plans = growth.measure({"small": small, "large": large}, load, rounds=rounds)
    file = base / "growth-plans.txt"
    file.write_text(plans)
    return f"{markdown(growth.HEAD, rows)}\nOne connection. The plans are in {file}.\n", {
        "head": growth.HEAD,
        "rows": rows,
    }


def main() -> None:
    """Read the command line and do what it says."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--dir", type=Path, default=CHECKOUT / ".fa-bench", help="where the data are kept")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement in a round")
    parser.add_argument("--peers", type=Path, help="compare with those in this `bin` folder instead")
    parser.add_argument("--growth", action="store_true", help="compare with ten times the rows instead")
    parser.add_argument("--tiny", action="store_true", help="few rows and one short round: the figures say nothing")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    asked = parser.parse_args()
    base, small, large, load, rounds = asked.dir, Sizes(), growth.LARGE, Load(seconds=asked.seconds), asked.rounds
    if asked.tiny:
        base, small, large, load, rounds = asked.dir / "tiny", TINY, TINY_LARGE, TINY_LOAD, 1
    base.mkdir(mode=0o755, parents=True, exist_ok=True)
    if asked.peers:
        table, found = peers(base / "data", asked.peers.absolute(), small, load, rounds=rounds)
    elif asked.growth:
        table, found = growth_of(base, (small, large), replace(load, connections=1), rounds=rounds)
    else:
        once = {"starts": 1, "transactions": 3} if asked.tiny else {}
        table, found = bench(base / "data", small, load, rounds=rounds, **once)
    sys.stdout.write(table)
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=2) + "\n")
        log(f"wrote {asked.json}")


if __name__ == "__main__":
    main()
