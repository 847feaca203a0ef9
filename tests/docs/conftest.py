"""A started service and a real browser. Every complaint of the browser fails the test."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import pytest
from playwright.async_api import BrowserContext, ConsoleMessage, Page, async_playwright, expect

from tests.support.processes import open_folder
from tests.support.services import Service, serving
from tests.support.tools import chromium

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
)
SLOWEST_MS = 300_000.0
TELL_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) =>
  console.error("policy", event.effectiveDirective, event.blockedURI));
"""


@pytest.fixture(scope="session")
def service() -> Iterator[Service]:
    """Start a service for the browser."""
    with open_folder() as folder, serving(folder / "data") as running:
        yield running


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[BrowserContext]:
    """Chromium, as Debian has it; what may be kept is kept from page to page."""
    program = chromium()
    expect.set_options(timeout=SLOWEST_MS)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=FLAGS.split())
        # The page renders only the part of a long list that is in view, so all of it is.
        yield await browser.new_context(viewport={"width": 1280, "height": 20_000})
        await browser.close()


@dataclass
class Visit:
    """A page that is watched."""

    page: Page
    origin: str
    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    async def watch(self) -> None:
        await self.page.add_init_script(TELL_VIOLATIONS)
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    @property
    def strayed(self) -> list[str]:
        """What was asked for elsewhere; data: images are in the style sheet itself."""
        return [url for url in self.asked if not url.startswith((f"{self.origin}/", "data:"))]


@pytest.fixture
async def visit(service: Service, browser: BrowserContext) -> AsyncIterator[Visit]:
    """Open the documentation in the browser, with nothing to complain of before the test nor after it."""
    page = await browser.new_page()
    page.set_default_timeout(SLOWEST_MS)
    visit = Visit(page, service.address)
    await visit.watch()
    await page.goto(f"{service.address}/docs")
    await page.wait_for_selector(".opblock")
    yield visit
    assert visit.complaints == []
    assert visit.strayed == []
    await page.close()
