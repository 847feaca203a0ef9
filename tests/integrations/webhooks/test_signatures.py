"""Signatures, and the secrets that make them."""

import base64

import pytest

from app.integrations.webhooks.signing import show_secret, sign
from tests.support.actors import Actor, Tenancy
from tests.support.feed import read_all
from tests.support.webhooks import HOOKS, Got, Receiver, dispatch, new_webhook, read


@pytest.mark.parametrize(
    ("secret", "message_id", "timestamp", "body", "expected"),
    [
        (
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            b'{"test": 2432232314}',
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ),
        (
            "whsec_plJ3nmyCDGBKInavdOK15jsl",
            "msg_loFOjxBNrRLzqYUf",
            1_731_705_121,
            b'{"event_type":"ping","data":{"success":true}}',
            "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=",
        ),
    ],
)
def test_signatures_are_those_of_the_specification(
    secret: str, message_id: str, timestamp: int, body: bytes, expected: str
) -> None:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    assert show_secret(key) == secret
    headers = sign([key], message_id, timestamp, body)
    assert headers == {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": expected,
    }


async def send_one(tenancy: Tenancy, receiver: Receiver) -> Got:
    await tenancy.admin.made("/v1/people", {"organization_id": tenancy.root_id, "name": "A"})
    await dispatch(tenancy)
    return receiver.got[-1]


async def rotate(actor: Actor, webhook: dict[str, str], overlap: int) -> str:
    answer = await actor.post(f"{HOOKS}/{webhook['id']}/secret", {"overlap_seconds": overlap})
    assert answer.status_code == 200, answer.text
    secret: str = answer.json()["secret"]
    return secret


async def test_two_secrets_sign_while_they_overlap_and_no_third_one(tenancy: Tenancy, admin: Actor) -> None:
    async with Receiver() as receiver:
        made = await new_webhook(admin, tenancy.root_id, receiver.url, event_types=["person.created"])
        second = await rotate(admin, made, 3_600)
        got = await send_one(tenancy, receiver)
        assert got.is_signed_by(made["secret"])
        assert got.is_signed_by(second)
        assert (await read(admin, made))["former_secret_until"] is not None
        third = await rotate(admin, made, 3_600)
        got = await send_one(tenancy, receiver)
        signed = [got.is_signed_by(secret) for secret in (made["secret"], second, third)]
        assert (signed, len(got.headers["webhook-signature"].split(" "))) == ([False, True, True], 2)


async def test_without_an_overlap_only_the_new_secret_signs(tenancy: Tenancy, admin: Actor) -> None:
    async with Receiver() as receiver:
        made = await new_webhook(admin, tenancy.root_id, receiver.url, event_types=["person.created"])
        second = await rotate(admin, made, 0)
        got = await send_one(tenancy, receiver)
        assert [got.is_signed_by(secret) for secret in (made["secret"], second)] == [False, True]


async def test_a_former_secret_is_revoked_before_its_end(tenancy: Tenancy, admin: Actor) -> None:
    async with Receiver() as receiver:
        made = await new_webhook(admin, tenancy.root_id, receiver.url, event_types=["person.created"])
        second = await rotate(admin, made, 3_600)
        for _ in range(2):
            assert (await admin.delete(f"{HOOKS}/{made['id']}/former-secret", if_match=None)).status_code == 204
        got = await send_one(tenancy, receiver)
        assert [got.is_signed_by(secret) for secret in (made["secret"], second)] == [False, True]
    assert (await read(admin, made))["former_secret_until"] is None
    assert len(await read_all(admin, types="webhook.secret_revoked")) == 1
