from django.apps import AppConfig


class RoutingConfig(AppConfig):
    name = "routing"
    verbose_name = "Routing"

    def ready(self) -> None:
<<<<<<< HEAD
        from routing import importing  # noqa: F401 - registers itself
=======
        from routing import facts  # noqa: F401
>>>>>>> main
