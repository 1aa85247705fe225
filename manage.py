#!/usr/bin/env python
"""Django's command line; without DATABASE_URL it runs on the embedded servers."""

import os
import sys

from medcrm import embedded
from medcrm.processes import end_with_parent


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "medcrm.settings")
    from django.core.management import execute_from_command_line

    if os.environ.get("RUN_MAIN"):  # runserver's reloaded child would outlive a reloader that is killed
        end_with_parent()
    try:
        with embedded.joined():
            embedded.migrate_if_empty(sys.argv)
            execute_from_command_line(sys.argv)
    except embedded.CannotStart as error:
        sys.exit(f"{error}")


if __name__ == "__main__":
    main()
