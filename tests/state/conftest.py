"""Lets a failed assertion of the driver, the checks and the model show what it compared."""

import pytest

pytest.register_assert_rewrite(
    "tests.state.checks", "tests.state.driver", "tests.state.model", "tests.state.rows", "tests.state.steps"
)
