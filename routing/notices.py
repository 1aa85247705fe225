"""What must a member of staff be told? Shown in the admin at once, and mailed once, without a word about the person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

from django.contrib.auth import get_user_model
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import F

from routing.models import Notice

BATCH = 500


def tell(counts: Mapping[int, int], kind: str, *, at: datetime) -> None:
    """User → how many leads it is about. Notices of one kind add up until they are read or mailed."""
    fresh = []
    for user, count in counts.items():
        unseen = Notice.objects.filter(user=user, kind=kind, read_at=None, mailed_at=None)
        if not unseen.update(count=F("count") + count, at=at):
            fresh.append(Notice(user_id=user, kind=kind, count=count, at=at))
    Notice.objects.bulk_create(fresh, batch_size=BATCH)


def mark_read(user_id: int, *, at: datetime) -> int:
    return Notice.objects.filter(user=user_id, read_at=None).update(read_at=at)


def send_due(*, at: datetime) -> int:
    """Mail each person their new notices in one message; return how many mails. A failed mail is tried again.

    The notices are claimed and marked before the mail is handed over, so nobody is mailed twice.
    """
    with transaction.atomic():
        rows = list(
            Notice.objects.filter(mailed_at=None)
            .select_for_update(of=("self",), skip_locked=True)
            .order_by("user_id", "pk")[:BATCH]
        )
        Notice.objects.filter(pk__in=[row.pk for row in rows]).update(mailed_at=at)
    texts: dict[int, list[str]] = defaultdict(list)
    for row in rows:
        texts[row.user_id].append(str(row))
    addresses = dict(
        get_user_model().objects.filter(pk__in=texts, is_active=True).exclude(email="").values_list("pk", "email")
    )
    for user, address in addresses.items():
        lines = "\n".join(f"- {text}" for text in texts[user])
        send_mail("MedCRM: your work changed", f"{lines}\n\nSign in to see them.", None, [address], fail_silently=True)
    return len(addresses)
