from django.apps import AppConfig, apps
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in
from django.db.models.signals import post_migrate


class MedcrmConfig(AppConfig):
    name = "medcrm"
    verbose_name = "MedCRM"

    def ready(self) -> None:
        from django.contrib import admin

        from medcrm.admin_site import Site

        # As the theme's own app does, which is ready before; and before the pages enter themselves there.
        admin.site = admin.sites.site = Site()

        from audit import people
        from medcrm import checks, roles, subjects  # noqa: F401 - checks register themselves
        from medcrm.lib import access
        from medcrm.receivers import quicken_triggers, sync_roles
        from medcrm.sign_in import note_sign_in

        # Everywhere a person is shown by name; where something is proven, by login.
        get_user_model().add_to_class("__str__", lambda user: user.get_full_name() or user.get_username())
        people.use(subjects.find)
        access.use(roles.scope, roles.team_names)
        user_logged_in.connect(note_sign_in, dispatch_uid="medcrm.note_sign_in")
        # Django tells only apps with models that they were migrated; auth's word is given once per migration.
        auth = apps.get_app_config("auth")
        post_migrate.connect(sync_roles, sender=auth, dispatch_uid="medcrm.sync_roles")
        post_migrate.connect(quicken_triggers, sender=auth, dispatch_uid="medcrm.quicken_triggers")
