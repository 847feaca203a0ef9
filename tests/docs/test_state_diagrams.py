"""The state diagrams in the documents are those of the transition tables."""

import pytest

from tests.docs.diagrams import CONCEPTS, block, diagrams


@pytest.mark.parametrize("name", list(diagrams()))
def test_a_diagram_shows_the_transition_table(name: str) -> None:
    found = block(name).search(CONCEPTS.read_text())
    assert found is not None, f"docs/concepts.md has no diagram of the states of {name}"
    assert found[2] == diagrams()[name], "run `python -m tests.docs.diagrams`"
