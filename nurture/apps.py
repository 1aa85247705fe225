from django.apps import AppConfig


class NurtureConfig(AppConfig):
    name = "nurture"
    verbose_name = "Nurture"

    def ready(self) -> None:
        from nurture import facts, plan, receivers, review, undoing, webhooks  # noqa: F401 - they register themselves
