#!/usr/bin/env python
"""Django's command line; without DATABASE_URL it runs on the embedded servers."""

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from medcrm import embedded
from medcrm.processes import end_with_parent


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "medcrm.settings")
    from django.core.management import execute_from_command_line

    end_with_reloader()
    try:
        with embedded.joined():
            embedded.migrate_if_empty(sys.argv)
            with recorded(sys.argv), behind_said(sys.argv):
                execute_from_command_line(sys.argv)
    except embedded.CannotStart as error:
        sys.exit(f"{error}")


def recorded(argv: list[str]) -> AbstractContextManager:
    """Give the history of what one of our own commands changes the name of the command; Django's own are left alone."""
    import pghistory

    name = argv[1] if len(argv) > 1 else ""
    is_ours = any(embedded.BASE_DIR.glob(f"*/management/commands/{name}.py"))
    return pghistory.context(command=name) if is_ours else nullcontext()


@contextmanager
def behind_said(argv: list[str]) -> Iterator[None]:
    """Say what to do when the database lacks something because it is behind the code."""
    from django.db import ProgrammingError

    try:
        yield
    except ProgrammingError as error:
        from django.db import connection
        from django.db.migrations.executor import MigrationExecutor

        executor = MigrationExecutor(connection)
        if argv[1] in embedded.NEEDS_NO_TABLES or not executor.migration_plan(executor.loader.graph.leaf_nodes()):
            raise  # “migrate” itself among them
        what = str(error).splitlines()[0]
        sys.exit(f"The database is behind the code ({what}). Run “manage.py migrate” first.")


def end_with_reloader() -> None:
    """Have runserver's reloaded child end when its reloader is killed, even if that happens right now."""
    if os.environ.get("RUN_MAIN"):
        end_with_parent()
        if os.environ.get("MEDCRM_RELOADER") != str(os.getppid()):
            sys.exit("The reloader has ended.")
    os.environ["MEDCRM_RELOADER"] = str(os.getpid())


if __name__ == "__main__":
    main()
