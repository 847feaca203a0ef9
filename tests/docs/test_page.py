"""The documentation in a real browser: it shows the document, works with a key, and breaks no rule of its policy."""

import json
from pathlib import Path

from playwright.async_api import Locator, expect

from tests.docs.conftest import Visit
from tests.support.services import Service

DOCUMENT = json.loads((Path(__file__).parents[2] / "openapi" / "openapi.json").read_text(encoding="utf-8"))
OPERATIONS = [operation for entry in DOCUMENT["paths"].values() for operation in entry.values()]


async def operation(visit: Visit, operation_id: str) -> Locator:
    """Open an operation's block, and return it."""
    block = visit.page.locator(".opblock", has=visit.page.get_by_text(operation_id, exact=True))
    await block.locator(".opblock-summary-control").click()
    await block.locator(".opblock-body").wait_for()
    return block


async def authorize(visit: Visit, key: str) -> None:
    if await visit.page.locator(".auth-wrapper .authorize.locked").count():
        return
    await visit.page.locator(".auth-wrapper .authorize").first.click()
    dialog = visit.page.locator(".dialog-ux")
    await dialog.locator("input").fill(key)
    await dialog.get_by_role("button", name="Apply credentials").click()
    await dialog.get_by_role("button", name="Close").click()


async def test_it_shows_every_operation(visit: Visit) -> None:
    operations = [*OPERATIONS, *(event["post"] for event in DOCUMENT["webhooks"].values())]
    shown = visit.page.locator(".opblock-summary-operation-id")
    # The page shows the first of them while it still builds the rest.
    await expect(shown).to_have_count(len(operations))
    texts = await shown.all_inner_texts()
    assert sorted(text.strip() for text in texts) == sorted(one["operationId"] for one in operations)
    assert (await visit.page.title()).startswith(DOCUMENT["info"]["title"])
    assert DOCUMENT["info"]["version"] in await visit.page.locator(".info").inner_text()
    for tag in DOCUMENT["tags"]:
        assert await visit.page.get_by_text(tag["description"]).count() == 1


async def test_an_operation_shows_its_example_its_failures_and_who_may(visit: Visit) -> None:
    block = await operation(visit, "createAssessment")
    text = await block.inner_text()
    for wanted in ("implementation_id", "x-required-role", "facilitator", "201", "401", "422", "Idempotency-Key"):
        assert wanted in text
    await block.get_by_role("tab", name="Schema").first.click()
    await expect(block.get_by_text("AssessmentCreate").first).to_be_visible()


async def test_the_largest_answer_is_told_field_by_field(visit: Visit) -> None:
    block = await operation(visit, "getReadiness")
    await block.get_by_role("tab", name="Schema").first.click()
    schema = DOCUMENT["components"]["schemas"]["ReadinessRead"]
    for name in schema["properties"]:
        await expect(block.get_by_text(name, exact=True).first).to_be_visible()


async def test_it_can_be_tried_with_a_key(visit: Visit, service: Service) -> None:
    await authorize(visit, service.key)
    block = await operation(visit, "getMe")
    await block.get_by_role("button", name="Try it out").click()
    async with visit.page.expect_response("**/v1/me") as answered:
        await block.get_by_role("button", name="Execute").click()
    answer = await answered.value
    assert answer.status == 200
    assert answer.request.headers["authorization"] == f"Bearer {service.key}"
    shown = block.locator(".live-responses-table")
    await expect(shown.locator(".response .response-col_status")).to_contain_text("200")
    await expect(shown).to_contain_text('"role": "admin"')


async def test_it_can_write(visit: Visit, service: Service) -> None:
    await authorize(visit, service.key)
    block = await operation(visit, "computeReadiness")
    await block.get_by_role("button", name="Try it out").click()
    async with visit.page.expect_response("**/v1/readiness/compute") as answered:
        await block.get_by_role("button", name="Execute").click()
    # What is offered to be sent is the document's own example.
    answer = await answered.value
    assert answer.status == 200, await answer.text()
    assert (await answer.json())["readiness"] is not None


async def test_the_policy_holds_and_the_watch_sees_it(visit: Visit) -> None:
    for breach in (
        "document.body.setAttribute('style', 'color: red')",
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.ran = 1'}))",
        "document.body.append(Object.assign(document.createElement('img'), {src: 'http://127.0.0.1:1/x.png'}))",
        "fetch('http://127.0.0.1:1/').catch(() => 0)",
    ):
        assert visit.complaints == []
        await visit.page.evaluate(breach)
        for _ in range(200):
            if any(complaint.startswith("policy ") for complaint in visit.complaints):
                break
            await visit.page.wait_for_timeout(50)
        else:
            raise AssertionError(breach)
        visit.complaints.clear()
        visit.asked.clear()
    assert await visit.page.evaluate("window.ran") is None
