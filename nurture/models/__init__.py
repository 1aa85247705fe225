"""What the nurture room keeps: sequences and wordings, who is enrolled, what was sent, skipped or asked of staff."""

from nurture.models.acknowledgements import AcknowledgedSource, Acknowledgement
from nurture.models.deliveries import CarrierNotice, ProviderEvent
from nurture.models.enrollments import CallTask, Enrollment, Skip
from nurture.models.messages import Message
from nurture.models.notices import Notice
from nurture.models.sequences import FrequencyCap, Sequence, Step
from nurture.models.templates import Template, Wording
from nurture.models.topics import MutedTopic
from nurture.models.visits import VisitNotice, VisitReminder

__all__ = [
    "AcknowledgedSource",
    "Acknowledgement",
    "CallTask",
    "CarrierNotice",
    "Enrollment",
    "FrequencyCap",
    "Message",
    "MutedTopic",
    "Notice",
    "ProviderEvent",
    "Sequence",
    "Skip",
    "Step",
    "Template",
    "VisitNotice",
    "VisitReminder",
    "Wording",
]
