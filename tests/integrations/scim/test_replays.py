"""What Entra and Okta send, by their public documentation, gets the answers that they expect."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.actors import Tenancy
from tests.support.scim import SCIM_JSON, new_provisioner

pytestmark = pytest.mark.anyio
REPLAYS = Path(__file__).parent / "replays"


def filled(value: Any, saved: dict[str, str]) -> Any:
    """Return a value with the ids of earlier answers in it."""
    text = json.dumps(value)
    for name, id_ in saved.items():
        text = text.replace("{" + name + "}", id_)
    return json.loads(text)


def holds(answer: Any, expected: Any) -> bool:
    """Return whether an answer has all that is expected, and maybe more."""
    if isinstance(expected, dict):
        return isinstance(answer, dict) and all(holds(answer.get(name), part) for name, part in expected.items())
    if isinstance(expected, list):
        pairs = zip(answer, expected, strict=True) if isinstance(answer, list) else [(None, True)]
        return all(holds(one, part) for one, part in pairs)
    return bool(answer == expected)


@pytest.mark.parametrize("provider", ["entra", "okta"])
async def test_what_an_identity_provider_sends_gets_what_it_expects(tenancy: Tenancy, provider: str) -> None:
    idp, saved = await new_provisioner(tenancy), dict[str, str]()
    for step in json.loads((REPLAYS / f"{provider}.json").read_text(encoding="utf-8")):
        path = f"/scim/v2{filled(step['path'], saved)}"
        sent = {"content": json.dumps(filled(step["body"], saved)), "headers": SCIM_JSON} if "body" in step else {}
        answer = await idp.call(step["method"], path, **sent)
        assert answer.status_code == step["status"], (step["what"], answer.text)
        if "answer" in step:
            assert answer.headers["Content-Type"] == "application/scim+json"
            assert holds(answer.json(), filled(step["answer"], saved)), (step["what"], answer.text)
        if "save" in step:
            saved[step["save"]] = answer.json()["id"]
