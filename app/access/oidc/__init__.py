"""Sign-ins: access tokens of OpenID Connect issuers, each of which speaks for one tenant."""
