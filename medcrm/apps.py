from django.apps import AppConfig


class MedcrmConfig(AppConfig):
    name = "medcrm"
    verbose_name = "MedCRM"
