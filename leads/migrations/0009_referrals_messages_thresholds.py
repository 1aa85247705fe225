import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


# Reason to wake a lead → the holds and stops of the defaults that it ends from now on.
WAKES = {
    "new_referral": (
        *("awaiting_referral", "awaiting_records", "awaiting_authorization", "awaiting_eligibility", "awaiting_family"),
        *("unreachable_pause", "clinical_review", "service_not_offered", "outside_area", "payer_not_accepted"),
        *("not_eligible", "other_level_of_care", "not_interested", "chose_other_provider", "price", "unreachable"),
        "minor_without_guardian",
    ),
    "decider_named": (
        *("awaiting_family", "awaiting_agreement", "unreachable_pause", "not_interested", "chose_other_provider"),
        *("price", "unreachable", "no_budget", "no_project", "compliance_blocked", "minor_without_guardian"),
    ),
}


def fit_words(apps, schema_editor):
    """Let the words in use say what the defaults say from now on; an empty database loads the defaults themselves."""
    kinds = apps.get_model("leads", "TriggerKind").objects
    if not kinds.exists():
        return
    kinds.get_or_create(pk="new_referral", defaults={"name": "New referral"})
    kinds.filter(pk="decider_named", name="Who decides is known").update(name="Who decides is known, or changes")
    for kind, reasons in WAKES.items():
        for model in ("HoldReason", "StopReason") if kinds.filter(pk=kind).exists() else ():
            for reason in apps.get_model("leads", model).objects.filter(pk__in=reasons):
                reason.default_triggers.add(kind)


class Migration(migrations.Migration):

    dependencies = [
        ('leads', '0006_results'),
    ]

    operations = [
        pgtrigger.migrations.AddTrigger(
            model_name='scoringmodel',
            trigger=pgtrigger.compiler.Trigger(name='frozen_once_published', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."status" IS DISTINCT FROM \'draft\' AND (NEW."status" = \'draft\' OR OLD."lead_type" IS DISTINCT FROM (NEW."lead_type") OR OLD."version" IS DISTINCT FROM (NEW."version") OR OLD."high_from" IS DISTINCT FROM (NEW."high_from") OR OLD."medium_from" IS DISTINCT FROM (NEW."medium_from")))', func="\nRAISE EXCEPTION 'A published version is frozen; start a draft of it instead'\n    USING ERRCODE = 'integrity_constraint_violation';\n", hash='2e14b7fd67cf52b9ae1989f29df250911445af35', operation='UPDATE', pgid='pgtrigger_frozen_once_published_1d874', table='leads_scoringmodel', when='BEFORE')),
        ),
        migrations.RunPython(fit_words, migrations.RunPython.noop),
    ]
