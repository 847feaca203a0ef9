"""Messages of the running service, verified by the JavaScript libraries that receivers use."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.actors import Actor
from tests.support.processes import open_folder
from tests.support.services import Service, serving
from tests.support.tools import node_modules, run
from tests.support.webhooks import HOOKS, Receiver, new_webhook

SCRIPT = Path(__file__).parent / "javascript" / "verify-webhooks.mjs"
OTHER = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture(scope="module")
def sending() -> Iterator[Service]:
    """A service that may send to loopback."""
    with open_folder() as folder, serving(folder / "data", FA_OUTGOING_NETWORKS="127.0.0.0/8") as running:
        yield running


async def collect_messages(service: Service) -> list[dict[str, Any]]:
    """Let the service send a message with one secret, and one while two are in use."""
    async with httpx.AsyncClient(base_url=service.address, timeout=300) as client, Receiver() as receiver:
        admin = Actor(client, service.key)
        root = (await admin.get("/v1/me")).json()["grants"][0]["organization_id"]
        webhook = await new_webhook(admin, root, receiver.url, event_types=["person.created"])
        await admin.made("/v1/people", {"organization_id": root, "name": "Ünïcödé"})
        await receiver.until(lambda one: len(one.got) == 1)
        rotated = await admin.post(f"{HOOKS}/{webhook['id']}/secret", {"overlap_seconds": 3_600})
        assert (await admin.post(f"{HOOKS}/{webhook['id']}/test")).status_code == 202
        await receiver.until(lambda one: len(one.got) == 2)
        first, second = webhook["secret"], rotated.json()["secret"]
        pairs = zip(receiver.got, ([first], [first, second]), ([second, OTHER], [OTHER]), strict=True)
        return [
            {"body": got.body.decode(), "headers": got.headers, "secrets": secrets, "others": others}
            for got, secrets, others in pairs
        ]


async def test_two_libraries_verify_what_the_service_sends(sending: Service, tmp_path: Path) -> None:
    (tmp_path / "node_modules").symlink_to(node_modules())
    shutil.copy(SCRIPT, tmp_path)
    messages = tmp_path / "messages.json"
    messages.write_text(json.dumps({"messages": await collect_messages(sending)}))
    done = run(["node", tmp_path / SCRIPT.name, messages])
    # Two libraries verify each message with each of its secrets.
    assert (done.returncode, done.stdout.strip()) == (0, "6"), done.stdout
