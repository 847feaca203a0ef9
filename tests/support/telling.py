"""What tests that draw by chance say of a run."""

import sys


def tell(what: object) -> None:
    """Say what a run drew or met: pytest shows it of a test that failed, and with `-rP` of one that passed."""
    sys.stdout.write(f"{what}\n")
