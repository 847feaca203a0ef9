"""The documents: generated parts follow the code, and what they name exists."""

import re
from pathlib import Path

import pytest

from app.cli import commands
from app.settings import Settings
from docs.generate import ROOT, generate, state_diagram

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
NAMES = [str(path.relative_to(ROOT)) for path in DOCUMENTS]
FOLDERS = ("app", "docs", "migrations", "openapi", "tests")


@pytest.fixture(params=DOCUMENTS, ids=NAMES)
def document(request: pytest.FixtureRequest) -> Path:
    """One document after the other."""
    path: Path = request.param
    return path


@pytest.mark.parametrize("path", list(generate()), ids=lambda path: path.name)
def test_generated_parts_are_what_the_code_says(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == generate()[path], "run make docs"


def test_a_diagram_shows_each_move_and_which_need_a_reason() -> None:
    drawn = state_diagram({"draft": ["open"], "open": []}, lambda _, to: to == "open")
    assert drawn.splitlines()[2:-1] == ["    [*] --> draft", "    draft --> open: with a reason", "    open --> [*]"]


def test_links_lead_to_files_and_headings_that_exist(document: Path) -> None:
    links = re.findall(r"\]\((?!https?://)([^)#]*)(?:#([^)]+))?\)", document.read_text(encoding="utf-8"))
    targets = [(document.parent / path if path else document, heading) for path, heading in links]
    assert [str(target) for target, _ in targets if not target.exists()] == []
    assert [heading for target, heading in targets if heading and heading not in headings(target)] == []


def test_a_document_is_linked_from_another() -> None:
    pairs = [(path, link) for path in DOCUMENTS for link in re.findall(r"\]\(([^)#]+)", path.read_text("utf-8"))]
    links = {(path.parent / link).resolve() for path, link in pairs}
    assert [str(path) for path in DOCUMENTS if path not in links and path.name != "README.md"] == []


def test_paths_that_are_named_exist(document: Path) -> None:
    text = re.sub(r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    named = re.findall(rf"`((?:{'|'.join(FOLDERS)})/[\w./*-]+)`", text)
    assert [path for path in named if not list(ROOT.glob(path))] == []


def test_make_targets_that_are_named_exist(document: Path) -> None:
    targets = set(re.findall(r"^([\w-]+)(?: [\w-]+)*:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    targets |= set((ROOT / "Makefile").read_text(encoding="utf-8").split(".PHONY: ")[1].splitlines()[0].split())
    named = re.findall(r"(?:`|^)make ([a-z][\w-]*)", document.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(named) - targets == set()


def test_commands_that_are_named_exist(document: Path) -> None:
    known = {one.name or one.callback.__name__ for one in commands.registered_commands if one.callback}
    known |= {group.name for group in commands.registered_groups if group.name}
    named = re.findall(r"(?:`|^)fa-readiness ([a-z][\w-]*)", document.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(named) - known == set()


def test_settings_that_are_named_exist(document: Path) -> None:
    named = set(re.findall(r"\bFA_[A-Z][A-Z_]*\b", document.read_text(encoding="utf-8")))
    assert named - {f"FA_{name.upper()}" for name in Settings.model_fields} == set()


def test_the_readme_stays_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= 1_600


def headings(path: Path) -> set[str]:
    """Return the anchors of the headings of a document."""
    titles = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
