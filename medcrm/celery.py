"""The Celery application: a bell for due work, never the place where due work is kept."""

import os

import pghistory
from celery import Celery
from celery.contrib.django.task import DjangoTask
from celery.signals import worker_process_init

from medcrm.lib.garbage import spare_what_stays

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "medcrm.settings")


class RecordedTask(DjangoTask):
    """A task whose name stands in the history of everything it changes."""

    abstract = True

    def __call__(self, *args: object, **kwargs: object) -> object:
        with pghistory.context(task=self.name):
            return super().__call__(*args, **kwargs)


worker_process_init.connect(spare_what_stays)

app = Celery("medcrm", task_cls=RecordedTask)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.autodiscover_tasks(["medcrm.reports"])
