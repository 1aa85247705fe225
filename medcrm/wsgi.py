"""What a web server runs. Gunicorn imports it once before it forks (`--preload`), so workers share what is loaded."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "medcrm.settings")

application = get_wsgi_application()

from consent import zones  # noqa: E402 - its models need the applications
from medcrm.lib.garbage import spare_what_stays  # noqa: E402 - after all that stays is there

zones.load()  # the first caller of each worker would wait a second for it
spare_what_stays()
