"""The documentation in a real browser: it shows the document, works with a key, and breaks no rule of its policy."""

import json
from pathlib import Path

from playwright.sync_api import Locator, expect

from tests.docs.conftest import Visit
from tests.start.services import Service

DOCUMENT = json.loads((Path(__file__).parents[2] / "openapi" / "openapi.json").read_text(encoding="utf-8"))
OPERATIONS = [operation for entry in DOCUMENT["paths"].values() for operation in entry.values()]


def operation(visit: Visit, operation_id: str) -> Locator:
    """An operation's block, opened."""
    block = visit.page.locator(".opblock", has=visit.page.get_by_text(operation_id, exact=True))
    block.locator(".opblock-summary-control").click()
    block.locator(".opblock-body").wait_for()
    return block


def authorize(visit: Visit, key: str) -> None:
    visit.page.locator(".auth-wrapper .authorize").first.click()
    dialog = visit.page.locator(".dialog-ux")
    dialog.locator("input").fill(key)
    dialog.get_by_role("button", name="Apply credentials").click()
    dialog.get_by_role("button", name="Close").click()


def test_it_shows_every_operation(visit: Visit) -> None:
    shown = visit.page.locator(".opblock-summary-operation-id").all_inner_texts()
    assert sorted(text.strip() for text in shown) == sorted(one["operationId"] for one in OPERATIONS)
    assert visit.page.title().startswith(DOCUMENT["info"]["title"])
    assert DOCUMENT["info"]["version"] in visit.page.locator(".info").inner_text()
    for tag in DOCUMENT["tags"]:
        assert visit.page.get_by_text(tag["description"]).count() == 1


def test_an_operation_shows_its_example_its_failures_and_who_may(visit: Visit) -> None:
    block = operation(visit, "createAssessment")
    text = block.inner_text()
    for wanted in ("implementation_id", "x-required-role", "facilitator", "201", "401", "422", "Idempotency-Key"):
        assert wanted in text
    block.get_by_role("tab", name="Schema").first.click()
    expect(block.get_by_text("AssessmentCreate").first).to_be_visible()


def test_the_largest_answer_is_told_field_by_field(visit: Visit) -> None:
    block = operation(visit, "getReadiness")
    block.get_by_role("tab", name="Schema").first.click()
    schema = DOCUMENT["components"]["schemas"]["ReadinessRead"]
    for name in schema["properties"]:
        expect(block.get_by_text(name, exact=True).first).to_be_visible()


def test_it_can_be_tried_with_a_key(visit: Visit, service: Service) -> None:
    authorize(visit, service.key)
    block = operation(visit, "getMe")
    block.get_by_role("button", name="Try it out").click()
    with visit.page.expect_response("**/v1/me") as answered:
        block.get_by_role("button", name="Execute").click()
    assert answered.value.status == 200
    assert answered.value.request.headers["authorization"] == f"Bearer {service.key}"
    shown = block.locator(".live-responses-table")
    expect(shown.locator(".response .response-col_status")).to_contain_text("200")
    expect(shown).to_contain_text('"role": "admin"')


def test_it_can_write(visit: Visit, service: Service) -> None:
    authorize(visit, service.key)
    block = operation(visit, "computeReadiness")
    block.get_by_role("button", name="Try it out").click()
    with visit.page.expect_response("**/v1/readiness/compute") as answered:
        block.get_by_role("button", name="Execute").click()
    # What is offered to be sent is the document's own example.
    assert answered.value.status == 200, answered.value.text()
    assert answered.value.json()["readiness"] is not None
