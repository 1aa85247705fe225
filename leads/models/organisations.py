"""What kinds of organisation there are, for the fit of partners and businesses [2.3]; each list is the staff's own."""

from __future__ import annotations

import pghistory
from django.utils.translation import gettext_lazy as _

from medcrm.lib.models import Coded


@pghistory.track()
class OrganisationType(Coded):
    class Meta(Coded.Meta):
        verbose_name = _("type of organisation")
        verbose_name_plural = _("types of organisation")


@pghistory.track()
class Specialty(Coded):
    """What the providers of a practice are trained in."""

    class Meta(Coded.Meta):
        verbose_name = _("specialty")
        verbose_name_plural = _("specialties")


@pghistory.track()
class CareSetting(Coded):
    """Where an organisation gives care, or would have it given."""

    class Meta(Coded.Meta):
        verbose_name = _("care setting")
        verbose_name_plural = _("care settings")
