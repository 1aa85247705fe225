import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('leads', '0003_roles_of_people'),
    ]

    operations = [
        pgtrigger.migrations.AddTrigger(
            model_name='bandrule',
            trigger=pgtrigger.compiler.Trigger(name='frozen_with_its_set', sql=pgtrigger.compiler.UpsertTriggerSql(func="\nIF EXISTS (\n    SELECT 1 FROM (SELECT status FROM leads_scoringmodel WHERE id IN (OLD.model_id, NEW.model_id) FOR SHARE) AS met\n     WHERE status <> 'draft'\n) THEN\n    RAISE EXCEPTION 'A published version is frozen; start a draft of it instead'\n        USING ERRCODE = 'integrity_constraint_violation';\nEND IF;\nIF TG_OP = 'DELETE' THEN RETURN OLD; END IF;\nRETURN NEW;\n", hash='fd21795192c946874070e860680171360f2e6326', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_frozen_with_its_set_32473', table='leads_bandrule', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='nextsteprule',
            trigger=pgtrigger.compiler.Trigger(name='frozen_with_its_set', sql=pgtrigger.compiler.UpsertTriggerSql(func="\nIF EXISTS (\n    SELECT 1 FROM (SELECT status FROM leads_nextstepset WHERE id IN (OLD.rule_set_id, NEW.rule_set_id) FOR SHARE) AS met\n     WHERE status <> 'draft'\n) THEN\n    RAISE EXCEPTION 'A published version is frozen; start a draft of it instead'\n        USING ERRCODE = 'integrity_constraint_violation';\nEND IF;\nIF TG_OP = 'DELETE' THEN RETURN OLD; END IF;\nRETURN NEW;\n", hash='e5a204aa5372756a2543786f8ce59180328027d1', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_frozen_with_its_set_8e9fb', table='leads_nextsteprule', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='question',
            trigger=pgtrigger.compiler.Trigger(name='frozen_with_its_set', sql=pgtrigger.compiler.UpsertTriggerSql(func="\nIF EXISTS (\n    SELECT 1 FROM (SELECT status FROM leads_checklist WHERE id IN (OLD.checklist_id, NEW.checklist_id) FOR SHARE) AS met\n     WHERE status <> 'draft'\n) THEN\n    RAISE EXCEPTION 'A published version is frozen; start a draft of it instead'\n        USING ERRCODE = 'integrity_constraint_violation';\nEND IF;\nIF TG_OP = 'DELETE' THEN RETURN OLD; END IF;\nRETURN NEW;\n", hash='bb7ca7dfde45ec32cd9f34dd7c80efc41ecebbcb', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_frozen_with_its_set_e7b68', table='leads_question', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='scoringcategory',
            trigger=pgtrigger.compiler.Trigger(name='frozen_with_its_set', sql=pgtrigger.compiler.UpsertTriggerSql(func="\nIF EXISTS (\n    SELECT 1 FROM (SELECT status FROM leads_scoringmodel WHERE id IN (OLD.model_id, NEW.model_id) FOR SHARE) AS met\n     WHERE status <> 'draft'\n) THEN\n    RAISE EXCEPTION 'A published version is frozen; start a draft of it instead'\n        USING ERRCODE = 'integrity_constraint_violation';\nEND IF;\nIF TG_OP = 'DELETE' THEN RETURN OLD; END IF;\nRETURN NEW;\n", hash='a3bf0c30aa6c521e1a116216a727985b0a746466', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_frozen_with_its_set_5ffcf', table='leads_scoringcategory', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='scoringrule',
            trigger=pgtrigger.compiler.Trigger(name='frozen_with_its_set', sql=pgtrigger.compiler.UpsertTriggerSql(func="\nIF EXISTS (\n    SELECT 1 FROM (SELECT status FROM leads_scoringmodel WHERE id IN (OLD.model_id, NEW.model_id) FOR SHARE) AS met\n     WHERE status <> 'draft'\n) THEN\n    RAISE EXCEPTION 'A published version is frozen; start a draft of it instead'\n        USING ERRCODE = 'integrity_constraint_violation';\nEND IF;\nIF TG_OP = 'DELETE' THEN RETURN OLD; END IF;\nRETURN NEW;\n", hash='e457581622094809b0263b7c09e9eebbb607a86f', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_frozen_with_its_set_6b416', table='leads_scoringrule', when='BEFORE')),
        ),
    ]
