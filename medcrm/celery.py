"""The Celery application: a bell for due work, never the place where due work is kept."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "medcrm.settings")

app = Celery("medcrm")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.autodiscover_tasks(["medcrm.reports"])
