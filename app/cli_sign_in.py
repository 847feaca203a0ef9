"""The commands that let people sign in: issuers of access tokens, and which person a subject is."""

from typing import Annotated, Any
from urllib.parse import urlsplit
from uuid import UUID

import typer

from app.access.oidc.models import ClaimedRole, IdentityProvider
from app.access.oidc.providers import add_provider, list_providers, remove_provider
from app.cli_parsers import parse_grant
from app.cli_support import PLAIN, AsJson, TenantSlug, in_tenant, show, show_all
from app.db.transaction import Tx
from app.people.sign_ins import link, list_links, unlink
from app.principal import Role

providers = typer.Typer(help="Bind issuers of access tokens (OpenID Connect) to tenants.", **PLAIN)
identities = typer.Typer(help="Say which person a subject of an issuer is.", **PLAIN)

_LONGEST = 500


def _url(text: str | None) -> str | None:
    if text is None:
        return None
    parts = urlsplit(text)
    is_plain = not (parts.username or parts.password or parts.query or parts.fragment)
    if parts.scheme not in {"https", "http"} or not parts.hostname or not is_plain or not text.isprintable():
        raise typer.BadParameter("say an https URL without credentials, query or fragment")
    if len(text) > _LONGEST:
        raise typer.BadParameter("this is too long")
    return text


def _text(text: str) -> str:
    if not 0 < len(text) <= 200 or not text.isprintable():
        raise typer.BadParameter("say 1 to 200 printable characters")
    return text


def _claimed_role(text: str) -> tuple[str, Role, UUID | None]:
    value, is_given, role = text.rpartition("=")
    if not is_given:
        raise typer.BadParameter("say VALUE=ROLE or VALUE=ROLE@ORGANIZATION-ID")
    return (_text(value), *parse_grant(role))


_Url = Annotated[str, typer.Option(help="The issuer, exactly as its tokens name it.", callback=_url)]
_Audiences = Annotated[list[str], typer.Option(help="Repeatable; a token names one of them.")]
_KeysUrl = Annotated[
    str | None, typer.Option(help="Where its keys are. Absent: where its discovery document says.", callback=_url)
]
_PersonClaim = Annotated[
    str, typer.Option(help="The claim that identifies a person: one that people cannot change.", callback=_text)
]
_RolesClaim = Annotated[
    str | None, typer.Option(help="The claim that names roles or groups, such as groups or realm_access.roles.")
]
_ClaimedRoles = Annotated[
    list[Any] | None,
    typer.Option(
        parser=_claimed_role,
        metavar="VALUE=ROLE[@ORGANIZATION-ID]",
        help="Repeatable; what a value of that claim gives a linked person. Without @: on the root.",
    ),
]
_DefaultRoles = Annotated[
    list[Any] | None,
    typer.Option(
        parser=parse_grant,
        metavar="ROLE[@ORGANIZATION-ID]",
        help="Repeatable; what everyone has whom no link names. Absent: no rights.",
    ),
]


@providers.command("add")
def providers_add(
    *,
    tenant: TenantSlug,
    issuer: _Url,
    audience: _Audiences,
    jwks_url: _KeysUrl = None,
    person_claim: _PersonClaim = "sub",
    roles_claim: _RolesClaim = None,
    role: _ClaimedRoles = None,
    default_role: _DefaultRoles = None,
    as_json: AsJson = False,
) -> None:
    """Bind an issuer to a tenant. Its tokens work within a second."""
    if bool(role) != bool(roles_claim):
        raise typer.BadParameter("--role and --roles-claim go together", param_hint="--role")

    async def work(tx: Tx, root_id: UUID) -> dict[str, Any]:
        given = [(value, each, at or root_id) for value, each, at in role or ()]
        defaults = [(None, each, at or root_id) for each, at in default_role or ()]
        made = await add_provider(
            tx,
            issuer=issuer,
            audiences=[_text(each) for each in audience],
            jwks_url=jwks_url,
            person_claim=person_claim,
            roles_claim=roles_claim,
            roles=[*given, *defaults],
        )
        return {"id": str(made.id), "issuer": made.issuer}

    show(in_tenant(tenant, work), as_json)


@providers.command("list")
def providers_list(tenant: TenantSlug, as_json: AsJson = False) -> None:
    """List a tenant's issuers, oldest first."""

    async def work(tx: Tx, _root_id: UUID) -> list[dict[str, Any]]:
        return [_described(provider, roles) for provider, roles in await list_providers(tx)]

    show_all(in_tenant(tenant, work), as_json)


@providers.command("remove")
def providers_remove(tenant: TenantSlug, provider_id: UUID, as_json: AsJson = False) -> None:
    """Unbind an issuer, with its links to people. Its tokens stop working within a second."""

    async def work(tx: Tx, _root_id: UUID) -> dict[str, Any]:
        await remove_provider(tx, provider_id)
        return {"id": str(provider_id)}

    show(in_tenant(tenant, work), as_json)


@identities.command("link")
def identities_link(
    *,
    tenant: TenantSlug,
    provider: Annotated[UUID, typer.Option(help="Id of the issuer.")],
    person: Annotated[UUID, typer.Option(help="Id of the person.")],
    subject: Annotated[str, typer.Option(help="How the issuer's tokens identify the person.", callback=_text)],
    as_json: AsJson = False,
) -> None:
    """Let a person sign in."""

    async def work(tx: Tx, _root_id: UUID) -> dict[str, Any]:
        made = await link(tx, provider, person, subject)
        return {"id": str(made.id), "principal_id": str(made.principal_id)}

    show(in_tenant(tenant, work), as_json)


@identities.command("list")
def identities_list(tenant: TenantSlug, as_json: AsJson = False) -> None:
    """List who may sign in, oldest first."""

    async def work(tx: Tx, _root_id: UUID) -> list[dict[str, Any]]:
        return [
            {"id": str(each.id), "provider_id": str(each.provider_id), "person_id": str(each.person_id)}
            | {"principal_id": str(each.principal_id), "subject": each.subject}
            for each in await list_links(tx)
        ]

    show_all(in_tenant(tenant, work), as_json)


@identities.command("unlink")
def identities_unlink(tenant: TenantSlug, identity_id: UUID, as_json: AsJson = False) -> None:
    """End a link. Within a second its subject has the issuer's default roles only."""

    async def work(tx: Tx, _root_id: UUID) -> dict[str, Any]:
        await unlink(tx, identity_id)
        return {"id": str(identity_id)}

    show(in_tenant(tenant, work), as_json)


def _described(provider: IdentityProvider, roles: list[ClaimedRole]) -> dict[str, Any]:
    return {
        "id": str(provider.id),
        "issuer": provider.issuer,
        "audiences": provider.audiences,
        "jwks_url": provider.jwks_url,
        "person_claim": provider.person_claim,
        "roles_claim": provider.roles_claim,
        "roles": [f"{each.value or '(default)'}={each.role.value}@{each.organization_id}" for each in roles],
    }
