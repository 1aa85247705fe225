"""Who may do what with which rows? One matrix: role × model × verb, and the scope of leads each role sees.

Groups and permissions are made from it after every migration (`sync`), `docs/roles.md` is drawn from it (`draw`), and
the tests compare what each role really gets with it. Verbs beyond view, add, change and delete are our own permissions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import AbstractBaseUser, Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ObjectDoesNotExist
from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from medcrm.lib.access import Scope

VIEW = ("view",)
WRITE = ("view", "add", "change")
EDIT = ("view", "add", "change", "delete")  # rows of a draft that may still be dropped
MODEL_VERBS = ("view", "add", "change", "delete")

Grants = Mapping[str, Iterable[str]]

# Our own verbs on leads: rows of every team, rows of sensitive services, and numbers and mailboxes in full everywhere.
SEE_ALL_TEAMS, SEE_SENSITIVE, SEE_CONTACTS = "see_all_teams", "see_sensitive", "see_contacts"


@dataclass(frozen=True)
class FieldLimit:
    """Fields that a role sees only in part: in full with a verb, and otherwise how."""

    fields: str
    model: str
    verb: str
    otherwise: Promise


FIELD_LIMITS = (
    FieldLimit(
        "phone, e-mail of leads.lead and leads.stakeholder; value of consent.address",
        "leads.lead",
        SEE_CONTACTS,
        _(
            "masked, like (512) •••-0142, in lists, boxes, search results, history, files and the API; "
            "full on the lead's page"
        ),
    ),
    FieldLimit("raw_body, remote_addr, user_agent of leads.inquiry", "leads.inquiry", "view", _("not shown")),
    FieldLimit(
        "what a person said and its evidence in consent.consentevent", "consent.consentevent", "view", _("not shown")
    ),
    FieldLimit("who looked at whom, in audit.access", "audit.access", "view", _("not shown")),
)


@dataclass(frozen=True)
class Role:
    code: str
    name: Promise
    purpose: Promise
    grants: Grants


def each(models: str, verbs: Iterable[str]) -> dict[str, tuple[str, ...]]:
    return {model: tuple(verbs) for model in models.split()}


def together(*grants: Grants) -> dict[str, tuple[str, ...]]:
    """The union of grants, verb by verb."""
    merged: dict[str, tuple[str, ...]] = {}
    for grant in grants:
        for model, verbs in grant.items():
            merged[model] = tuple(dict.fromkeys((*merged.get(model, ()), *verbs)))
    return merged


VOCABULARY = """leads.serviceline leads.clinic leads.payer leads.offering leads.offeringpayer leads.availability
    leads.document leads.timingwindow leads.disposition leads.holdreason leads.stopreason leads.triggerkind
    leads.missingkind leads.source leads.organisationtype leads.specialty leads.caresetting"""
LEAD_STORY = """leads.interaction leads.qualification leads.answer leads.missingitem leads.trigger leads.scorechange
    leads.opening leads.documentstatus leads.authorization leads.appointment leads.stakeholder leads.checklist
    leads.question
    routing.assignment routing.handoff routing.clock routing.script routing.scripttext"""
SCORING = "leads.scoringmodel leads.scoringcategory leads.scoringrule leads.bandrule"
NEXT_STEPS = "leads.nextstepset leads.nextsteprule"
REPORTS = "leads.milestone"
PROPOSALS = "leads.proposal"
PUBLICATIONS = "leads.publication"
CHECKLISTS = "leads.checklist leads.question"
ROUTING_RULES = "routing.routeset routing.routingrule routing.goal routing.cadence routing.script routing.scripttext"
SEQUENCES = """nurture.sequence nurture.step nurture.template nurture.wording nurture.frequencycap
    nurture.acknowledgedsource nurture.visitreminder"""
OUTREACH = "nurture.enrollment nurture.message nurture.skip nurture.calltask nurture.visitnotice"
EVIDENCE = """consent.address consent.consentevent consent.attempt consent.disclosure consent.permission consent.seller
    consent.callingrule consent.policysetting consent.emergency consent.listsnapshot consent.checkpoint
    consent.exportlog consent.verification"""

WORKER = together(
    each(VOCABULARY, VIEW),
    each(LEAD_STORY, VIEW),
    each("leads.lead", ("view", "change", "enter")),
    each("leads.stakeholder", WRITE),
    each("leads.interaction", ("amend",)),
    each("routing.handoff", ("accept", "return")),
    each("routing.notice", VIEW),
    each(OUTREACH, VIEW),
    each("nurture.enrollment", ("leave",)),
    each("nurture.calltask", ("settle",)),
)

ROLES: tuple[Role, ...] = (
    Role(
        "caller",
        _("Caller"),
        _("Qualifies leads of the own team by phone and records how each call ended."),
        together(WORKER, each("leads.appointment", ("book",))),
    ),
    Role(
        "scheduler",
        _("Scheduler"),
        _("Books appointments for the own team's leads and keeps open slots true."),
        together(WORKER, each("leads.availability", WRITE), each("leads.appointment", ("book", "record"))),
    ),
    Role(
        "documents",
        _("Benefits and documents"),
        _("Collects referrals, records and authorizations for the own team's leads."),
        together(WORKER, each("leads.documentstatus leads.authorization", ("record",))),
    ),
    Role(
        "sales",
        _("Sales and partnerships"),
        _("Takes organisations through quotes, discovery and agreements, and records those."),
        together(WORKER, each("leads.documentstatus", ("agree",))),
    ),
    Role(
        "supervisor",
        _("Supervisor"),
        _("Sees every team, moves work, repairs inquiries, reviews overrides, keeps checklists and teams."),
        together(
            WORKER,
            each("leads.lead", (SEE_ALL_TEAMS, SEE_CONTACTS, "reassign")),
            each("leads.duplicatecandidate", ("view", "judge")),
            each("leads.leadlink", ("view", "unmerge")),
            each("leads.export", ("view", "add")),
            each("leads.lead", ("export",)),
            each("leads.inquiry", ("view", "repair")),
            each("leads.qualification", ("review",)),
            each("leads.incident", ("view", "review")),
            each("leads.emergencyphrase", VIEW),
            each("leads.documentstatus leads.authorization leads.appointment", ("record",)),
            each("leads.appointment", ("book",)),
            each(CHECKLISTS, EDIT),
            each("leads.checklist", ("publish",)),
            each("leads.offering leads.availability", WRITE),
            each("leads.offeringpayer", EDIT),
            each(SCORING, VIEW),
            each(NEXT_STEPS, VIEW),
            each(PUBLICATIONS, VIEW),
            each("routing.team routing.agent", WRITE),
            each(ROUTING_RULES, EDIT),
            each("routing.routeset", ("publish",)),
            each(SEQUENCES, VIEW),
            each(OUTREACH, VIEW),
            each("auth.user", VIEW),
            each(REPORTS, ("report",)),
            each("leads.milestone leads.snapshot leads.proposal leads.backtest", VIEW),
        ),
    ),
    Role(
        "compliance",
        _("Compliance"),
        _("Proves who was contacted with which permission; sees everything, changes only rules of contact."),
        together(
            each(VOCABULARY, VIEW),
            each(LEAD_STORY, VIEW),
            each("leads.lead", ("view", SEE_ALL_TEAMS, SEE_SENSITIVE, SEE_CONTACTS)),
            each("leads.incident", ("view", "review")),
            each("leads.emergencyphrase", (*WRITE, "review")),
            each("leads.importrun", VIEW),
            each("leads.leadlink", VIEW),
            each("leads.export", ("view", "add", "audit")),
            each("leads.lead", ("export", "export_contacts")),
            each("leads.inquiry", VIEW),
            each(SCORING, VIEW),
            each(NEXT_STEPS, VIEW),
            each(PUBLICATIONS, VIEW),
            each(ROUTING_RULES, VIEW),
            each("routing.team routing.agent", VIEW),
            each(SEQUENCES, VIEW),
            each(OUTREACH, VIEW),
            each(EVIDENCE, VIEW),
            each("audit.access", VIEW),
            each("consent.address", ("revoke", "export")),
            each("consent.checkpoint", ("export",)),
            each("consent.verification", ("run",)),
            each("privacy.erasure", ("view", "add", "erase")),
            each("privacy.hold", ("view", "add", "lift")),
            each("privacy.retentionrule", ("view", "change")),
            each("privacy.retentionrun", VIEW),
            each("consent.disclosure consent.callingrule consent.emergency", WRITE),
            each("consent.policysetting", ("change",)),
            each("auth.user", VIEW),
            each(REPORTS, ("report",)),
            each("leads.milestone leads.snapshot leads.proposal leads.backtest", VIEW),
        ),
    ),
    Role(
        "marketing",
        _("Marketing"),
        _("Keeps sources, scoring and sequences and reads how they perform; sees no single lead."),
        together(
            each(VOCABULARY, VIEW),
            each("leads.source", WRITE),
            each(SCORING, EDIT),
            each(NEXT_STEPS, EDIT),
            each(PUBLICATIONS, VIEW),
            each("leads.scoringmodel leads.nextstepset", ("publish",)),
            each(SEQUENCES, EDIT),
            each("nurture.sequence nurture.wording", ("publish",)),
            each("consent.disclosure", VIEW),
            each(REPORTS, ("report",)),
            each(PROPOSALS, ("view", "decide")),
            each("leads.backtest", ("try",)),
        ),
    ),
    Role(
        "administrator",
        _("Administrator"),
        _("Keeps people, teams, the catalogue and every rule; sees all teams but no sensitive service."),
        together(
            each(VOCABULARY, WRITE),
            each("leads.offeringpayer", EDIT),
            each("leads.sourcekey", ("view", "issue", "revoke")),
            each("gateway.client", WRITE),
            each("gateway.key", ("view", "issue", "revoke")),
            each("gateway.subscription", ("view", "operate")),
            each("gateway.delivery", ("view", "replay")),
            each("gateway.outboxevent", VIEW),
            each(LEAD_STORY, VIEW),
            each("leads.lead", ("view", "change", SEE_ALL_TEAMS, SEE_CONTACTS, "reassign")),
            each("leads.importrun", ("view", "add")),
            each("leads.importmapping", ("view", "change", "delete")),
            each("leads.duplicatecandidate", ("view", "judge")),
            each("leads.leadlink", ("view", "unmerge")),
            each("leads.export", ("view", "add")),
            each("leads.lead", ("export",)),
            each("leads.inquiry", ("view", "repair")),
            each("leads.emergencyphrase", VIEW),
            each(CHECKLISTS, EDIT),
            each(SCORING, EDIT),
            each(NEXT_STEPS, EDIT),
            each(PUBLICATIONS, VIEW),
            each("leads.checklist leads.scoringmodel leads.nextstepset routing.routeset", ("publish",)),
            each("routing.team routing.agent", WRITE),
            each(ROUTING_RULES, EDIT),
            each(SEQUENCES, EDIT),
            each("nurture.sequence nurture.wording", ("publish",)),
            each(OUTREACH, VIEW),
            each("consent.seller consent.disclosure", WRITE),
            each("consent.callingrule consent.policysetting consent.emergency consent.listsnapshot", VIEW),
            each("auth.user", WRITE),
            each("auth.group", VIEW),
            each(REPORTS, ("report",)),
            each("leads.milestone leads.snapshot leads.backtest", VIEW),
            each(PROPOSALS, ("view", "decide")),
            each("leads.backtest", ("try",)),
        ),
    ),
    Role(
        "api_client",
        _("Connected system"),
        _("A program, not a person: what it may do and sees is narrowed further by its scopes, teams and services."),
        together(
            each("leads.lead", ("view", "change", SEE_CONTACTS)),
            each("leads.inquiry leads.interaction", VIEW),
            each("leads.documentstatus leads.authorization leads.appointment", ("view", "record")),
            each("leads.availability", ("view", "change")),
            each("consent.permission", VIEW),
            each("consent.address", ("revoke",)),
            each("gateway.subscription", ("change",)),
        ),
    ),
)
BY_CODE = {role.code: role for role in ROLES}


def allows(role: Role, model: str, verb: str) -> bool:
    return verb in tuple(role.grants.get(model, ()))


@transaction.atomic
def sync() -> None:
    """Make groups and permissions what the matrix says. Idempotent; a model that does not exist yet is passed over."""
    for config in apps.get_app_configs():
        create_permissions(config, verbosity=0)
    _create_own_verbs()
    known = {(p.content_type.app_label, p.codename): p for p in Permission.objects.select_related("content_type")}
    for role in ROLES:
        group, _created = Group.objects.get_or_create(name=role.code)
        wanted = {known[key].pk for key in _codenames(role) if key in known}
        held = set(group.permissions.values_list("pk", flat=True))
        if wanted != held:
            group.permissions.set(wanted)


def scope(user: AbstractBaseUser) -> Scope:
    """Which leads the user sees: those of the own team, of all teams, and sensitive ones only with the training."""
    try:
        agent = user.agent  # type: ignore[attr-defined] - the profile that routing adds
    except (ObjectDoesNotExist, AttributeError):
        agent = None
    return Scope(
        teams=frozenset([agent.team_id]) if agent else frozenset(),
        trainings=frozenset(agent.trainings) if agent else frozenset(),
        sees_all_teams=user.has_perm(f"leads.{SEE_ALL_TEAMS}_lead"),
        sees_sensitive=user.has_perm(f"leads.{SEE_SENSITIVE}_lead"),
        sees_contacts=user.has_perm(f"leads.{SEE_CONTACTS}_lead"),
    )


def team_names() -> dict[str, str]:
    """Team code → name, for filters and lists of the lower rooms, which know only codes."""
    if "team" not in apps.all_models["routing"]:
        return {}
    return dict(apps.get_model("routing.Team").objects.order_by("name").values_list("pk", "name"))


def draw() -> str:
    """The matrix as Markdown, as kept in docs/roles.md."""
    models = sorted({model for role in ROLES for model in role.grants})
    lines = [
        "# Roles",
        "",
        "Drawn from `medcrm/roles.py` by `manage.py sync_roles --draw`; do not edit by hand. A user has the rights of",
        "all groups it is in. V view, A add, C change, D delete; other verbs are written out. An empty",
        "cell is a refusal.",
        "",
        "## Who is who",
        "",
        "| role | does | sees leads of | sensitive services |",
        "|---|---|---|---|",
        *(f"| {role.name} | {role.purpose} | {_whose(role)} | {_sensitive(role)} |" for role in ROLES),
        "",
        "## Model by model",
        "",
        *_table("model", {model: [_cell(role.grants.get(model, ())) for role in ROLES] for model in models}),
        "",
        "## Field by field",
        "",
        "The limits hold on every page, in search, filters, sorting, boxes that pick,",
        "history, files and the API alike (`tests/medcrm/test_matrix.py`).",
        "",
        *_table("fields", {limit.fields: [_field_cell(role, limit) for role in ROLES] for limit in FIELD_LIMITS}),
        "",
        "A client of the API is a user in the role of a connected system, narrowed by its scopes, teams and services",
        "(`docs/api.md`). The key of a source is no user: it leaves inquiries and hears what became of its own.",
        "",
        "Open to everybody, and without a word about a person: the sign-in page, a source's form (`/f/<source>/`) and",
        "the page that thanks for it, the description of the API (`/api/v1/schema/`, `/api/v1/docs/`) and whether the",
        "service is well (`/health/live`, `/health/ready`). A signed link (`/u/…`, `/p/…`) opens the choices of its",
        "own address.",
        "",
        "Ledgers (timeline, score changes, consent events, attempts, assignments) are changed by nobody, not even by a",
        "superuser: their pages have no add, change or delete, and the database refuses updates.",
        "",
    ]
    return "\n".join(lines)


def _table(first: str, rows: Mapping[object, Sequence[str]]) -> list[str]:
    """Lines of a table with a column for each role."""
    head = [f"| {first} | " + " | ".join(str(role.name) for role in ROLES) + " |", "|---" * (len(ROLES) + 1) + "|"]
    return [*head, *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items())]


def _codenames(role: Role) -> set[tuple[str, str]]:
    found = set()
    for model, verbs in role.grants.items():
        app_label, name = model.split(".")
        found |= {(app_label, f"{verb}_{name}") for verb in verbs}
    return found


def _create_own_verbs() -> None:
    own = {(m, v) for role in ROLES for m, verbs in role.grants.items() for v in verbs if v not in MODEL_VERBS}
    for model, verb in sorted(own):
        app_label, name = model.split(".")
        if name not in apps.all_models[app_label]:
            continue
        content_type = ContentType.objects.get_for_model(apps.get_model(model))
        Permission.objects.get_or_create(
            content_type=content_type, codename=f"{verb}_{name}", defaults={"name": f"Can {verb} {name}"}
        )


def _cell(verbs: Iterable[str]) -> str:
    verbs = tuple(verbs)
    letters = "".join(verb[0].upper() for verb in MODEL_VERBS if verb in verbs)
    words = [verb.replace("_", " ") for verb in verbs if verb not in MODEL_VERBS]
    return " ".join([letters, ", ".join(words)]).strip()


def _field_cell(role: Role, limit: FieldLimit) -> str:
    if not allows(role, "leads.lead", "view") and limit.model == "leads.lead":
        return str(_("not shown"))
    return str(_("full")) if allows(role, limit.model, limit.verb) else str(limit.otherwise)


def _whose(role: Role) -> str:
    if not allows(role, "leads.lead", "view"):
        return "nobody"
    return "all teams" if allows(role, "leads.lead", SEE_ALL_TEAMS) else "the own team"


def _sensitive(role: Role) -> str:
    if not allows(role, "leads.lead", "view"):
        return "no"
    return "yes" if allows(role, "leads.lead", SEE_SENSITIVE) else "only with the training"
