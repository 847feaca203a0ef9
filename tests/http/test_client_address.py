"""The address of the client: what callers send as one is bounded."""

from app.http import client_address as module
from app.http.client_address import client_address
from app.settings import Settings


def test_long_texts_in_the_place_of_addresses_are_not_kept(settings: Settings) -> None:
    behind = settings.model_copy(update={"behind_proxy": True})
    before = module._cached.cache_info().currsize
    for number in range(100):
        claimed = f"{number}{'x' * 50_000}".encode()
        scope = {"client": ("10.0.0.1", 1), "headers": [(b"x-forwarded-for", claimed)]}
        assert client_address(scope, behind) == "10.0.0.1"
    assert module._cached.cache_info().currsize <= before + 1
