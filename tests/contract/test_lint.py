"""The document passes the recommended rules of Redocly and of Spectral without a warning."""

import json
from pathlib import Path
from typing import Any

from tests.support.tools import ROOT, node_modules, run


def lint(document: Path) -> dict[str, Any]:
    """Return what the linter finds: its totals and problems."""
    redocly = node_modules() / ".bin" / "redocly"
    done = run([redocly, "lint", "--extends", "recommended", "--format", "json", document], CI="true")
    start = done.stdout.index('{\n  "totals"')
    found: dict[str, Any] = json.JSONDecoder().raw_decode(done.stdout, start)[0]
    assert (done.returncode == 0) == (found["totals"]["errors"] == 0), done.stdout
    return found


def test_the_document_lints_clean() -> None:
    found = lint(ROOT / "openapi" / "openapi.json")
    assert found["problems"] == []
    assert found["totals"] == {"errors": 0, "warnings": 0, "ignored": 0}


def test_the_linter_looks(tmp_path: Path) -> None:
    document = json.loads((ROOT / "openapi" / "openapi.json").read_text(encoding="utf-8"))
    operation = document["paths"]["/v1/me"]["get"]
    del operation["operationId"], operation["security"]
    worse = tmp_path / "openapi.json"
    worse.write_text(json.dumps(document))
    found = lint(worse)
    assert {problem["ruleId"] for problem in found["problems"]} == {"operation-operationId", "security-defined"}
    assert (found["totals"]["errors"], found["totals"]["warnings"]) == (1, 1)


def spectral(document: Path, folder: Path) -> list[dict[str, Any]]:
    """List what Spectral's rules for OpenAPI find, hints included."""
    rules = folder / "spectral.yaml"
    rules.write_text('extends: ["spectral:oas"]\n')
    command: list[str | Path] = [node_modules() / ".bin" / "spectral", "lint", "--ruleset", rules, "--format", "json"]
    report = folder / "report.json"
    done = run([*command, "--output", report, "--fail-severity", "hint", document])
    found: list[dict[str, Any]] = json.loads(report.read_text()) if report.exists() else []
    assert (done.returncode == 0) == (not found), done.stdout
    return found


def test_spectral_finds_nothing(tmp_path: Path) -> None:
    assert spectral(ROOT / "openapi" / "openapi.json", tmp_path) == []


def test_spectral_looks(tmp_path: Path) -> None:
    document = json.loads((ROOT / "openapi" / "openapi.json").read_text(encoding="utf-8"))
    del document["info"]["contact"], document["paths"]["/v1/me"]["get"]["tags"]
    worse = tmp_path / "openapi.json"
    worse.write_text(json.dumps(document))
    assert {found["code"] for found in spectral(worse, tmp_path)} == {"info-contact", "operation-tags"}
