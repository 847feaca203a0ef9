"""The drivers, by the kind of connector. `docs/integrations/writing-a-connector.md` says how to add one."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.integrations.connectors.bamboohr import BambooSettings, BambooSource
from app.integrations.connectors.models import ConnectorKind
from app.integrations.connectors.reading import Source
from app.settings import Settings

#: What the API takes as the settings of a connector: those of any kind.
AnySettings = BambooSettings


@dataclass(frozen=True, slots=True)
class Driver:
    """What a kind of connector needs.

    Attributes:
        settings: the model of a connector's settings.
        base_url: returns where the source is.
        headers: returns the headers that carry the secret.
        open: returns the source, for one run.
    """

    settings: type[AnySettings]
    base_url: Callable[[Settings, AnySettings], str]
    headers: Callable[[str], Mapping[str, str]]
    open: Callable[[AnySettings], Source]

    def parse(self, settings: Mapping[str, Any]) -> AnySettings:
        """Return the settings that are stored."""
        return self.settings.model_validate(settings)


def _basic(secret: str) -> Mapping[str, str]:
    # The key is the name, and the password may be anything.
    return {"Authorization": "Basic " + base64.b64encode(f"{secret}:x".encode()).decode()}


DRIVERS: Final[Mapping[ConnectorKind, Driver]] = {
    ConnectorKind.BAMBOOHR: Driver(
        settings=BambooSettings,
        base_url=lambda service, settings: service.bamboohr_url.replace("{company}", settings.company_domain),
        headers=_basic,
        open=BambooSource,
    ),
}
