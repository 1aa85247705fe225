"""People and their roles. Only a superuser makes another one; everybody else hands out roles."""

from __future__ import annotations

from allauth.account import admin as accounts
from allauth.mfa import admin as factors
from allauth.socialaccount import admin as providers
from allauth.usersessions import admin as sessions
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from medcrm import roles
from medcrm.lib.admin import AdminPasswordChangeForm, ModelAdmin, ReadOnlyAdmin, UserChangeForm, UserCreationForm
from medcrm.lib.columns import display
from medcrm.lib.filters import BooleanRadioFilter, RelatedDropdownFilter

admin.site.unregister(User)
admin.site.unregister(Group)
# Django's own tables go by our words on every page. Set here, they are no part of Django's migrations.
User._meta.verbose_name, User._meta.verbose_name_plural = _("login"), _("logins")
Group._meta.verbose_name, Group._meta.verbose_name_plural = _("role"), _("roles")
# They show the secrets of authenticators, and change the address that a password is reset by.
admin.site.unregister(
    [
        accounts.EmailAddress,
        factors.Authenticator,
        providers.SocialAccount,
        providers.SocialApp,
        providers.SocialToken,
        sessions.UserSession,
    ]
)


@admin.register(User)
class PersonAdmin(UserAdmin, ModelAdmin):
    form, add_form, change_password_form = UserChangeForm, UserCreationForm, AdminPasswordChangeForm
    list_display = ("username", "full_name", "roles_held", "is_active", "last_login")
    list_filter = (("groups", RelatedDropdownFilter), ("is_active", BooleanRadioFilter))
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Person"), {"fields": (("first_name", "last_name"), "email")}),
        (_("Access"), {"fields": (("is_active", "is_staff"), "groups")}),
        (_("Dates"), {"fields": (("last_login", "date_joined"),)}),
    )
    readonly_fields = ("last_login", "date_joined")
    filter_horizontal = ("groups",)
    history_also = (("audit.RoleHeldEvent", "user_id"),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        users = super().get_queryset(request).prefetch_related("groups")
        return users if request.user.is_superuser else users.filter(is_superuser=False)

    @display(description=_("Name"))
    def full_name(self, obj: User) -> str:
        return obj.get_full_name()

    @display(description=_("Roles"))
    def roles_held(self, obj: User) -> str:
        names = {role.code: str(role.name) for role in roles.ROLES}
        return ", ".join(names.get(group.name, group.name) for group in obj.groups.all())

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(Group)
class RoleAdmin(GroupAdmin, ReadOnlyAdmin):
    """Roles come from one matrix in the code and are read here."""

    list_display = ("role", "purpose")
    fields = ("role", "purpose", "permissions")
    readonly_fields = ("role", "purpose")

    @display(description=_("Role"))
    def role(self, obj: Group) -> str:
        return str(roles.BY_CODE[obj.name].name) if obj.name in roles.BY_CODE else obj.name

    @display(description=_("Does"))
    def purpose(self, obj: Group) -> str:
        return str(roles.BY_CODE[obj.name].purpose) if obj.name in roles.BY_CODE else ""
