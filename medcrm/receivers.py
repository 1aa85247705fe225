"""What happens after a migration: the roles are made what their matrix says."""

from django.db import connections

from medcrm import roles


def sync_roles(using: str, **kwargs: object) -> None:
    if "auth_group_permissions" in connections[using].introspection.table_names():
        roles.sync()
