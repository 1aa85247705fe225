"""Speed beside a raw baseline of the same run: `python -m benchmarks.bench_consent --help`, and so on.

Importing the package joins the servers in the environment, or the checkout's own, and sets Django up.
"""

import os
from contextlib import ExitStack

import django

from medcrm import embedded

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "medcrm.settings")
SERVERS = ExitStack()  # never closed: they end when this process has
SERVERS.enter_context(embedded.joined())
django.setup()
