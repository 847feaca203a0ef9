"""What tests of the tree share."""

import random

import pytest

from tests.support.moves import SEED


@pytest.fixture
def chance() -> random.Random:
    """The same choices in every run."""
    return random.Random(SEED)  # choices, not secrets
