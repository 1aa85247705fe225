"""The screens of leads; one module per noun, all built on medcrm.lib.admin."""

from leads.admin import (  # noqa: F401 - they register themselves
    appointments,
    catalog,
    checklist,
    documents,
    duplicates,
    emergencies,
    exporting,
    importing,
    incidents,
    inquiry,
    journal,
    lead,
    publication,
    qualification,
    review,
    rules,
    vocabulary,
)
