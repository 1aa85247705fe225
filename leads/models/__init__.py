from leads.models.catalog import (
    Availability,
    Clinic,
    Disposition,
    Document,
    HoldReason,
    MissingKind,
    Offering,
    OfferingPayer,
    Payer,
    ServiceLine,
    Source,
    SourceKey,
    StopReason,
    TimingWindow,
    TriggerKind,
)
from leads.models.exporting import Export
from leads.models.importing import ImportMapping, ImportRow, ImportRun
from leads.models.journal import Appointment, Inquiry, Interaction, ScoreChange
from leads.models.lead import Authorization, DocumentStatus, Lead, Stakeholder
<<<<<<< HEAD
from leads.models.publication import Publication
=======
from leads.models.merging import DuplicateCandidate, DuplicateSearch, LeadLink, MergedFacts
>>>>>>> main
from leads.models.qualification import (
    Answer,
    Checklist,
    MissingItem,
    Qualification,
    Question,
    Trigger,
)
from leads.models.rules import (
    Axis,
    BandRule,
    NextStepRule,
    NextStepSet,
    Rule,
    ScoringCategory,
    ScoringModel,
    ScoringRule,
)

__all__ = [
    "Answer",
    "Appointment",
    "Authorization",
    "Availability",
    "Axis",
    "BandRule",
    "Checklist",
    "Clinic",
    "Disposition",
    "Document",
    "DocumentStatus",
    "DuplicateCandidate",
    "DuplicateSearch",
    "Export",
    "HoldReason",
    "ImportMapping",
    "ImportRow",
    "ImportRun",
    "Inquiry",
    "Interaction",
    "Lead",
    "LeadLink",
    "MergedFacts",
    "MissingItem",
    "MissingKind",
    "NextStepRule",
    "NextStepSet",
    "Offering",
    "OfferingPayer",
    "Payer",
    "Publication",
    "Qualification",
    "Question",
    "Rule",
    "ScoreChange",
    "ScoringCategory",
    "ScoringModel",
    "ScoringRule",
    "ServiceLine",
    "Source",
    "SourceKey",
    "Stakeholder",
    "StopReason",
    "TimingWindow",
    "Trigger",
    "TriggerKind",
]
