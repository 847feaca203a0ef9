"""All routes of principals, their keys and their roles."""

from app.accounts.api_keys import router as api_keys
from app.accounts.principals import router as principals
from app.accounts.role_grants import router as role_grants

ROUTERS = (api_keys.router, role_grants.router, principals.router, api_keys.principal_keys)
