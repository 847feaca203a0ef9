"""Errors of connectors, and of the systems that they pull from."""

from app.errors import Conflict, Forbidden, Invalid


class TooManyConnectors(Conflict):
    code = "too_many_connectors"
    title = "The tenant has as many connectors as are allowed"


class ConnectorIsDisabled(Conflict):
    code = "connector_disabled"
    title = "The connector is disabled"


class ConnectorRunning(Conflict):
    code = "connector_running"
    title = "A run of the connector has not ended"


class SourceRefusedSecret(Conflict):
    code = "source_refused_secret"
    title = "The source does not accept the secret"


class SourceDenied(Conflict):
    code = "source_denied"
    title = "The source does not show this to the holder of the secret"


class SourceFaulty(Invalid):
    """The source answered something that its contract does not allow."""

    code = "source_faulty"
    title = "The source gave an answer that cannot be used"


class SourceTooLarge(Invalid):
    code = "source_too_large"
    title = "The source has more than one run reads"


class SourceEndsTooMany(Conflict):
    code = "source_ends_too_many"
    title = "The source ends more employments at once than a run believes"


class SourceAddressRefused(Invalid):
    code = "source_address_refused"
    title = "The service does not send requests to the address of the source"


class ConnectorRightsLost(Forbidden):
    code = "connector_rights_lost"
    title = "The creator of the connector may no longer have it"
