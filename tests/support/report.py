"""What randomized tests say of a run."""

import sys


def report(what: object) -> None:
    """Print what a run drew or met. pytest shows it of a test that failed, and with `-rP` of one that passed."""
    sys.stdout.write(f"{what}\n")
