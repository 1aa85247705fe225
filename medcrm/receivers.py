"""What happens after a migration: the roles are made what their matrix says, the triggers ask quickly."""

from django.db import connections

from medcrm import roles

# The question every trigger of pgtrigger asks first: am I to stand aside? Its own answer raises and catches an error
# while nobody ever asked for that, and each such error looks through all checks that wait for the commit: a second of
# processor for ten thousand rows copied. Every migration with a trigger brings that one back, so this comes after.
IS_IGNORED = """
CREATE OR REPLACE FUNCTION _pgtrigger_should_ignore(trigger_name name) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT trigger_name = ANY (COALESCE(NULLIF(current_setting('pgtrigger.ignore', true), ''), '{}')::text[])
$$
"""
ASKS_SLOWLY = "SELECT 1 FROM pg_proc WHERE oid = to_regproc('_pgtrigger_should_ignore') AND prosrc LIKE '%EXCEPTION%'"


def sync_roles(using: str, **kwargs: object) -> None:
    if "auth_group_permissions" in connections[using].introspection.table_names():
        roles.sync()


def quicken_triggers(using: str, **kwargs: object) -> None:
    with connections[using].cursor() as cursor:
        cursor.execute(ASKS_SLOWLY)
        if cursor.fetchone():
            cursor.execute(IS_IGNORED)
