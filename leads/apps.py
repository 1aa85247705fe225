from django.apps import AppConfig


class LeadsConfig(AppConfig):
    name = "leads"
    verbose_name = "Leads"

    def ready(self) -> None:
        from consent import origins
        from consent import people as consent_people
        from leads import facts, people, receivers  # noqa: F401 - they register themselves
        from leads.importing import leads, small  # noqa: F401 - registers itself

        consent_people.use(people.address_ids, people.companion_ids)
        origins.use(people.source_names)
