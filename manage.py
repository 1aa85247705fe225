#!/usr/bin/env python
"""Django's command line; without DATABASE_URL it runs on the embedded servers."""

import os
import sys
from contextlib import AbstractContextManager, nullcontext

from medcrm import embedded
from medcrm.processes import end_with_parent


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "medcrm.settings")
    from django.core.management import execute_from_command_line

    end_with_reloader()
    try:
        with embedded.joined():
            embedded.migrate_if_empty(sys.argv)
            with recorded(sys.argv):
                execute_from_command_line(sys.argv)
    except embedded.CannotStart as error:
        sys.exit(f"{error}")


def recorded(argv: list[str]) -> AbstractContextManager:
    """Give the history of what one of our own commands changes the name of the command; Django's own are left alone."""
    import pghistory

    name = argv[1] if len(argv) > 1 else ""
    is_ours = any(embedded.BASE_DIR.glob(f"*/management/commands/{name}.py"))
    return pghistory.context(command=name) if is_ours else nullcontext()


def end_with_reloader() -> None:
    """Have runserver's reloaded child end when its reloader is killed, even if that happens right now."""
    if os.environ.get("RUN_MAIN"):
        end_with_parent()
        if os.environ.get("MEDCRM_RELOADER") != str(os.getppid()):
            sys.exit("The reloader has ended.")
    os.environ["MEDCRM_RELOADER"] = str(os.getpid())


if __name__ == "__main__":
    main()
