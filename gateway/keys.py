"""Which system is asking, and what may it see? Clients, and keys shown once and stored as hashes."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser, Group
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from gateway.models import Client, Key
from gateway.vocabulary import ScopeCode
from leads.models import ServiceLine
from medcrm.lib.access import Scope
from medcrm.lib.errors import RuleError

PREFIX_LENGTH = 10
ROLE = "api_client"
SEES_CONTACTS = "leads.see_contacts_lead"


@transaction.atomic
def save_client(client: Client) -> Client:
    """Store what a client is called, may do and sees; a new one gets a user of its own, who can never sign in."""
    if client.user_id is None:
        user = get_user_model()(username=f"api:{client.code}", first_name=client.name[:150])
        user.set_unusable_password()
        user.save()
        user.groups.add(Group.objects.get(name=ROLE))
        client.user = user
    client.save()
    return client


def issue_key(
    client: Client,
    *,
    at: datetime,
    label: str = "",
    expires_at: datetime | None = None,
    by: AbstractBaseUser | None = None,
) -> str:
    """Create a key for the client and return it; it cannot be read again."""
    if not client.is_active:
        raise RuleError("CLIENT_RETIRED", _("This client is retired. Make it active first."))
    if expires_at is not None and expires_at <= at:
        raise RuleError("EXPIRED", _("The key would have ended already. Choose a later date."), field="expires_at")
    key = f"mck_{secrets.token_urlsafe(32)}"
    Key.objects.create(
        client=client,
        prefix=key[:PREFIX_LENGTH],
        key_hash=hashed(key),
        label=label,
        created_at=at,
        created_by=by,
        expires_at=expires_at,
    )
    return key


def revoke_key(key_id: int, *, at: datetime) -> None:
    """Refuse the key from now on; revoking twice keeps the first time."""
    Key.objects.filter(pk=key_id, revoked_at=None).update(revoked_at=at)


def find_key(key: str) -> Key | None:
    """The key's row with its client and user, in force or not; None when we never issued it."""
    return Key.objects.select_related("client__user").filter(key_hash=hashed(key)).first()


def note_use(key: Key, *, at: datetime) -> None:
    """Keep the day of the last use: one write a day, so that a key nobody uses is seen."""
    if key.last_used_on != at.date():
        Key.objects.filter(pk=key.pk).update(last_used_on=at.date())


def scope_of(client: Client) -> Scope:
    """What the client sees, in the words of the screens: its teams, and sensitive services only where named."""
    named = client.services or []
    trainings = ServiceLine.objects.filter(pk__in=named).exclude(required_training="") if named else []
    return Scope(
        teams=frozenset(client.teams or ()),
        trainings=frozenset(service.required_training for service in trainings),
        sees_all_teams=client.teams is None,
        sees_contacts=ScopeCode.CONTACTS_READ in client.scopes and client.user.has_perm(SEES_CONTACTS),
    )


def narrowed(client: Client, path: str = "") -> Q:
    """The condition for the client's services, beside what `leads.visibility` says about its teams."""
    if client.services is None:
        return Q()
    return Q(**{f"{path}service__in": client.services})


def hashed(key: str) -> str:
    # 256 random bits cannot be guessed backwards; a slow hash would only slow every request down.
    return hashlib.sha256(key.encode()).hexdigest()
