"""A small issuer of access tokens on loopback, with real keys that rotate."""

import asyncio
import json
import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from uuid import UUID, uuid4

from joserfc import jws
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from app.access.oidc.providers import add_provider
from app.people.sign_ins import link
from app.principal import Role
from app.provisioning import operators_transaction
from tests.support.actors import Actor, Tenancy

AUDIENCE = "fa-readiness"
SigningKey: TypeAlias = RSAKey | ECKey | OKPKey | OctKey


def encode(part: Any) -> str:
    """A part of a token: JSON, or the bytes given."""
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def sign(key: SigningKey, algorithm: str, header: dict[str, Any], body: Any) -> str:
    """Sign a body, JSON or bytes, under any header, which the library would not do."""
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    signed = f"{encode({'alg': algorithm, **header})}.{encode(payload)}"
    return f"{signed}.{encode(jws.JWSRegistry.algorithms[algorithm].sign(signed.encode(), key))}"


@dataclass
class Issuer:
    """Serves a discovery document and a key set, and signs tokens.

    Attributes:
        answers: what is sent instead, by path from ``/realm``: bytes of a whole HTTP answer, or None to send nothing.
        asked: the paths that were asked for.
    """

    keys: dict[str, tuple[str, SigningKey]] = field(default_factory=dict)
    answers: dict[str, bytes | None] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    url: str = ""
    provider_id: UUID | None = None
    _place: str = field(default_factory=lambda: f"/{uuid4()}")
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def __aenter__(self) -> "Issuer":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        # A port comes back within a test run, but an issuer is bound once.
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}{self._place}/realm"
        if not self.keys:
            self.rotate("first")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._writers:
            writer.close()

    def rotate(self, kid: str, algorithm: str = "ES256") -> None:
        """Replace all keys with a new one."""
        made: SigningKey = ECKey.generate_key("P-256") if algorithm == "ES256" else RSAKey.generate_key(2048)
        self.keys = {kid: (algorithm, made)}

    def claims(self, **changes: Any) -> dict[str, Any]:
        """The claims of a good token; a change to None leaves the claim out."""
        now = int(time.time())
        good = {"iss": self.url, "aud": AUDIENCE, "sub": "subject-1", "iat": now, "exp": now + 600}
        return {name: value for name, value in (good | changes).items() if value is not None}

    def token(self, *, header: dict[str, Any] | None = None, **changes: Any) -> str:
        """A token signed with the newest key."""
        kid, (algorithm, key) = list(self.keys.items())[-1]
        return sign(key, algorithm, {"typ": "at+jwt", "kid": kid, **(header or {})}, self.claims(**changes))

    async def bind(
        self, tenancy: Tenancy, *roles: tuple[str | None, Role], roles_claim: str | None = None, **fields: Any
    ) -> UUID:
        """Bind this issuer to a tenant, with roles on its root."""
        root = UUID(tenancy.root_id)
        async with operators_transaction(tenancy.owner, tenancy.tenant_id) as tx:
            made = await add_provider(
                tx,
                issuer=self.url,
                audiences=[AUDIENCE, "other"],
                roles_claim=roles_claim,
                roles=[(value, role, root) for value, role in roles],
                **fields,
            )
        self.provider_id = made.id
        return made.id

    async def link(self, tenancy: Tenancy, subject: str = "subject-1", person_id: str | None = None) -> str:
        """Link a subject to a person, a new one unless one is named. Return the person's id."""
        if person_id is None:
            body = {"organization_id": tenancy.root_id, "name": f"Person {subject}"}
            person_id = (await tenancy.admin.made("/v1/people", body))["id"]
        assert self.provider_id is not None
        async with operators_transaction(tenancy.owner, tenancy.tenant_id) as tx:
            await link(tx, self.provider_id, UUID(person_id), subject)
        return person_id

    def holder(self, tenancy: Tenancy, subject: str = "subject-1", **claims: Any) -> Actor:
        """A caller who signed in."""
        return Actor(tenancy.http, self.token(sub=subject, **claims))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        path = (await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1].decode().removeprefix(self._place)
        self.asked.append(path)
        answer = self.answers.get(path, b"")
        if answer is None:
            return
        writer.write(answer or self._answer(path))
        await writer.drain()
        writer.close()

    def _answer(self, path: str) -> bytes:
        if path.endswith("/openid-configuration"):
            return http_answer({"issuer": self.url, "jwks_uri": f"{self.url}/keys"})
        listed = [
            {**key.as_dict(private=False), "kid": kid, "alg": algorithm, "use": "sig"}
            for kid, (algorithm, key) in self.keys.items()
        ]
        return http_answer({"keys": listed})


def http_answer(body: Any, status: str = "200 OK", *headers: str) -> bytes:
    """A whole answer."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + content
