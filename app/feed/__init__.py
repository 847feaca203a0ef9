"""The event feed over HTTP: what changed in the tenant, in order and without gaps."""
