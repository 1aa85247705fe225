"""How are versions of a set worked on? Drafts and their rows are edited, the rest is read; actions lead on and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import ClassVar

from django import forms
from django.contrib.admin.utils import quote
from django.contrib.auth.models import AbstractBaseUser
from django.db import models
from django.db.models import ForeignKey
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from medcrm.lib.actions import ActionForm, service_action, verb_permission
from medcrm.lib.admin import ModelAdmin
from medcrm.lib.columns import badge_column
from medcrm.lib.filters import ChoicesDropdownFilter
from medcrm.lib.models import VersionedSet, VersionStatus
from medcrm.lib.versions import start_draft


def is_draft(version_set: VersionedSet | None) -> bool:
    """Whether it may be edited; what is only being added may."""
    return version_set is None or version_set.status == VersionStatus.DRAFT


class NoteForm(ActionForm):
    note = forms.CharField(
        label=_("Why a new version?"), max_length=200, help_text=_("In a sentence, for those who read it later.")
    )


def publish_action(text: object, *, form: type[ActionForm] = ActionForm) -> Callable:
    """The action that puts a draft in force; `text` says beforehand what that does, `form` asks how."""

    @service_action(_("Publish"), permissions=["publish"], form=form, icon="publish", variant="primary", text=text)
    def publish(self: VersionedAdmin, request: HttpRequest, pk: int, *, at: datetime, **asked: object) -> None:
        self.put_in_force(pk, by=request.user, at=at, **asked)

    return publish


class VersionedAdmin(ModelAdmin):
    """A versioned set. Its room says what coming into force does, by `put_in_force` and `put_back`."""

    list_filter = (("status", ChoicesDropdownFilter),)
    readonly_fields = ("version", "status", "created_at", "published_at", "published_by")
    list_select_related = ("published_by",)
    actions_detail = ("start_draft", "publish", "go_back")
    sortable_by = ()
    fits: ClassVar = {
        "start_draft": lambda version: version.status != VersionStatus.DRAFT,
        "publish": lambda version: version.status == VersionStatus.DRAFT,
        "go_back": lambda version: version.status == VersionStatus.PUBLISHED,
    }
    status_badge = badge_column("status", _("Status"))
    has_publish_permission = verb_permission("publish")

    def put_in_force(self, pk: int, *, by: AbstractBaseUser, at: datetime, **asked: object) -> None:
        raise NotImplementedError

    def put_back(self, pk: int, *, by: AbstractBaseUser, at: datetime) -> None:
        raise NotImplementedError

    def save_model(self, request: HttpRequest, obj: VersionedSet, form: forms.ModelForm, change: bool) -> None:
        """A new one beside others of the same thing is their next version."""
        if not change:
            obj.version = obj.next_number()
        super().save_model(request, obj, form, change)

    @service_action(
        _("Start a draft"),
        permissions=["draft"],
        form=NoteForm,
        icon="edit_note",
        text=_("The draft is a copy. This version stays in force, unchanged, until the draft is published."),
        submit=_("Start the draft"),
    )
    def start_draft(self, request: HttpRequest, pk: int, *, at: datetime, note: str) -> VersionedSet:
        return start_draft(self.model, pk, note=note)

    publish = publish_action(_("The version in force retires, and every open lead it concerns is checked again."))

    @service_action(
        _("Go back a version"),
        permissions=["publish"],
        icon="undo",
        text=_("The previous version comes back into force, unchanged; this one retires."),
        submit=_("Go back"),
    )
    def go_back(self, request: HttpRequest, pk: int, *, at: datetime) -> None:
        self.put_back(pk, by=request.user, at=at)

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return super().has_change_permission(request, obj) and (not isinstance(obj, self.model) or is_draft(obj))

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_draft_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return request.user.has_perm(f"{self.opts.app_label}.add_{self.opts.model_name}")


class DraftRowAdmin(ModelAdmin):
    """One row of a versioned set: it is added to a draft and edited in a draft, never in what is or was in force."""

    set_field = "model"
    of_drafts: ClassVar[Mapping[str, str]] = {}
    """Other keys that stay within a draft, with the way from there to the set."""
    sortable_by = ()

    def get_autocomplete_fields(self, request: HttpRequest) -> Sequence[str]:
        """Drafts are few and are listed; a search would offer what is frozen too."""
        offered = super().get_autocomplete_fields(request)
        return [name for name in offered if name != self.set_field and name not in self.of_drafts]

    def formfield_for_foreignkey(
        self, db_field: ForeignKey, request: HttpRequest, **kwargs: object
    ) -> forms.ModelChoiceField | None:
        if db_field.name == self.set_field or db_field.name in self.of_drafts:
            is_draft_there = {f"{self.of_drafts.get(db_field.name, '')}status": VersionStatus.DRAFT}
            kwargs["queryset"] = db_field.related_model.objects.filter(**is_draft_there)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return super().has_change_permission(request, obj) and self._is_open(obj)

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return super().has_delete_permission(request, obj) and self._is_open(obj)

    def response_post_save_add(self, request: HttpRequest, obj: models.Model) -> HttpResponse:
        """Back to the draft, where the other rows are, instead of to the rows of all versions."""
        version = getattr(obj, self.set_field)
        return HttpResponseRedirect(
            reverse(f"admin:{version._meta.app_label}_{version._meta.model_name}_change", args=[quote(version.pk)])
        )

    response_post_save_change = response_post_save_add

    def _is_open(self, obj: object) -> bool:
        return not isinstance(obj, self.model) or is_draft(getattr(obj, self.set_field))
