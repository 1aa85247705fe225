from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


class MedcrmConfig(AppConfig):
    name = "medcrm"
    verbose_name = "MedCRM"

    def ready(self) -> None:
        from medcrm import roles
        from medcrm.lib import access
        from medcrm.receivers import sync_roles

        access.use(roles.scope, roles.team_names)
        # Django signals only apps that have models; this one has none, so it listens to the ground floor.
        post_migrate.connect(sync_roles, sender=apps.get_app_config("consent"), dispatch_uid="medcrm.sync_roles")
