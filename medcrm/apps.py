from django.apps import AppConfig
from django.db.models.signals import post_migrate


class MedcrmConfig(AppConfig):
    name = "medcrm"
    verbose_name = "MedCRM"

    def ready(self) -> None:
        from medcrm import roles
        from medcrm.lib import access
        from medcrm.receivers import sync_roles

        access.use(roles.scope, roles.team_names)
        post_migrate.connect(sync_roles, sender=self, dispatch_uid="medcrm.sync_roles")
