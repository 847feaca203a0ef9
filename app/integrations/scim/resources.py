"""The resources that SCIM serves, as their schemas publish them: only what is stored.

The library's own models declare many more attributes. An attribute that is not here is dropped when it is sent, so that
no personal data is kept that the service has no use for.
"""

from typing import Annotated, Any, ClassVar, Final

from pydantic import Field
from scim2_models import (
    AuthenticationScheme,
    Bulk,
    CaseExact,
    ChangePassword,
    ComplexAttribute,
    ETag,
    Extension,
    Filter,
    Mutability,
    Patch,
    Reference,
    Required,
    Resource,
    ResourceType,
    ScimPolicy,
    ScimProvider,
    ServiceProviderConfig,
    Sort,
    Uniqueness,
)
from scim2_models.resources.resource import AnyExtension
from scim2_models.urn import URN

#: What one bulk request may hold.
MOST_OPERATIONS: Final = 100
MOST_BYTES: Final = 1_048_576
#: The users on one page.
MOST_RESULTS: Final = 200


class Name(ComplexAttribute):
    """The parts of a name."""

    formatted: str | None = None
    """The whole name, as it is shown."""
    family_name: str | None = None
    """The family name."""
    given_name: str | None = None
    """The given name."""


class Email(ComplexAttribute):
    """An e-mail address."""

    value: str | None = None
    """The address."""
    type: str | None = Field(None, examples=["work", "home", "other"])
    """What the address is for."""
    primary: bool | None = None
    """Whether it is the preferred address."""


class User(Resource[AnyExtension]):
    """A person."""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:User")

    user_name: Annotated[str | None, Uniqueness.server, Required.true] = None
    """The name by which the identity provider knows the user. It is unique without case."""
    name: Name | None = None
    """The parts of the name."""
    Name: ClassVar[type[ComplexAttribute]] = Name
    display_name: str | None = None
    """The name, as it is shown. The person gets it as their name."""
    title: str | None = None
    """The position."""
    active: bool | None = None
    """Whether the person works here. A person who does not has no access."""
    emails: list[Email] | None = None
    """E-mail addresses. The person gets the primary one, or the first one for work."""
    Emails: ClassVar[type[ComplexAttribute]] = Email


class Manager(ComplexAttribute):
    """The user who manages this one."""

    value: Annotated[str | None, CaseExact.true] = None
    """The id of the manager."""
    ref: Reference["User"] | None = Field(  # type: ignore[type-arg]
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    """The address of the manager. Where both are sent, the id decides."""


class EnterpriseUser(Extension):
    """What employers say of a person."""

    __schema__ = URN("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User")

    employee_number: str | None = None
    """The number that the employer gave the person."""
    department: str | None = None
    """The department."""
    manager: Manager | None = None
    """The user who manages this one."""


class Member(ComplexAttribute):
    """A member of a group."""

    value: Annotated[str | None, Mutability.immutable, CaseExact.true] = None
    """The id of the user."""
    ref: Annotated[Reference["User"] | None, Mutability.immutable] = Field(  # type: ignore[type-arg]
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    """The address of the user."""
    type: Annotated[str | None, Mutability.immutable] = Field(None, examples=["User"])
    """What the member is: always a user."""


class Group(Resource[Any]):
    """A group of users. A mapping at `/v1/scim-group-mappings` says what its members get."""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:Group")

    display_name: Annotated[str | None, Required.true] = None
    """The name, by which mappings find the group."""
    members: list[Member] | None = None
    """The users in the group."""
    Members: ClassVar[type[ComplexAttribute]] = Member


def create_provider() -> ScimProvider:
    """Return the description of the service: its resources, and what it supports."""
    return ScimProvider(
        models=[User, EnterpriseUser, Group],
        resource_types=[ResourceType.from_resource(User[EnterpriseUser]), ResourceType.from_resource(Group)],
        config=ServiceProviderConfig(
            patch=Patch(supported=True),
            bulk=Bulk(supported=True, max_operations=MOST_OPERATIONS, max_payload_size=MOST_BYTES),
            filter=Filter(supported=True, max_results=MOST_RESULTS),
            change_password=ChangePassword(supported=False),
            sort=Sort(supported=False),
            etag=ETag(supported=True),
            authentication_schemes=[
                AuthenticationScheme(
                    type=AuthenticationScheme.Type.oauthbearertoken,
                    name="SCIM token",
                    description="Send the token as Authorization: Bearer. An admin makes it at /v1/scim-tokens.",
                    primary=True,
                )
            ],
        ),
        policy=ScimPolicy(
            unknown=ScimPolicy.Unknown.ignore,
            remove_value_as_filter=ScimPolicy.RemoveValue.apply,
            unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
        ),
    )
