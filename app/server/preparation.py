"""What must hold before the service takes requests: the schema, the role, a first tenant."""

from sqlalchemy.exc import IntegrityError

from app.db.engine import check_role
from app.db.schema.migrate import migrate
from app.demo.sandbox import refuse_in_public
from app.embedded_postgres.attach import owner_engine
from app.errors import OperatorError
from app.provisioning import DEMO_SLUG, create_tenant, list_tenants
from app.settings import Settings

FIRST_SLUG, FIRST_NAME = "main", "My agency"


async def prepare(settings: Settings) -> str | None:
    """Bring the database to this release; where there is no tenant at all make the first, and return its key."""
    assert settings.owner_url is not None  # noqa: S101  # the provided settings name both logins
    assert settings.database_url is not None  # noqa: S101
    await migrate(settings.owner_url, settings.app_role, login_is_separate=settings.owner_database_url is not None)
    await check_role(settings.database_url, role=settings.assumed_role)
    async with owner_engine(settings) as engine:
        tenants = await list_tenants(engine)
        if any(tenant.slug == DEMO_SLUG for tenant, _ in tenants):
            refuse_in_public(settings)
        if tenants:
            return None
        try:
            _, _, key = await create_tenant(engine, slug=FIRST_SLUG, name=FIRST_NAME)
        except (OperatorError, IntegrityError):
            return None  # Another process started at the same moment and was quicker.
    return key
