"""One settings module, read from the environment by django-environ and safe when a variable is missing.

Settings are for operators. Business numbers (caps, thresholds, windows) are rows that staff edit in the admin.
Without DATABASE_URL use manage.py or make: they start the embedded servers (medcrm/embedded.py) and set it.
"""

from pathlib import Path

import environ
import pghistory
import structlog
from celery.schedules import crontab
from csp import constants as csp
from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _

from medcrm.lib.redaction import redact, scrub_event

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
env.smart_cast = False
environ.Env.read_env(BASE_DIR / ".env")

# Core

SECRET_KEY = env.str("SECRET_KEY")
DEBUG = env.bool("DEBUG", default=False)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
ROOT_URLCONF = "medcrm.urls"
WSGI_APPLICATION = "medcrm.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "medcrm",
    "medcrm.workspace",
    "privacy",
    "gateway",
    "nurture",
    "routing",
    "leads",
    "consent",
    "audit",
    "pgtrigger",
    "pghistory",
    "rest_framework",
    "django_filters",
    "anymail",
    "drf_spectacular",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.socialaccount",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "django.forms",
]

MIDDLEWARE = [
    "medcrm.logs.requests",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "medcrm.middleware.ContentPolicy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "pghistory.middleware.HistoryMiddleware",
    "medcrm.middleware.idle_limit",
    "allauth.account.middleware.AccountMiddleware",
    "medcrm.middleware.second_factor",
    "medcrm.middleware.reader_zone",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "audit.middleware.access_log",
    "medcrm.middleware.cache_away",
]

FORM_RENDERER = "django.forms.renderers.TemplatesSetting"  # widgets of our own have their templates with the rest
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "medcrm.sign_in.admin_look",
            ],
        },
    },
]

# Database: PostgreSQL only, one dialect used fully

DATABASES = {"default": env.db_url("DATABASE_URL")}
DATABASES["default"]["CONN_MAX_AGE"] = env.int("CONN_MAX_AGE", default=60)
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DATABASES["default"]["ATOMIC_REQUESTS"] = False

CACHES = {"default": env.cache_url("CACHE_URL")}

# Passwords and sign-in

AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
# NIST SP 800-63B-4 §3.1.1.2: 15 characters or more, a blocklist, no rules of composition and no forced change.
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 15},
    },
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "medcrm.passwords.NotGuessable"},
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
LOGOUT_REDIRECT_URL = "admin:login"
SESSION_COOKIE_AGE = 15 * 60  # 45 CFR 164.312(a)(2)(iii): automatic logoff after 15 idle minutes
SESSION_LONGEST = 12 * 3600  # NIST SP 800-63B-4 §2.2.3: sign in anew within a day, however busy
IDLE_WARNING = 2 * 60  # the browser warns this long before, saves drafts and offers to stay

ACCOUNT_ADAPTER = "medcrm.sign_in.Accounts"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email", "password1*", "password2*"]  # a form nobody reaches: see the adapter
ACCOUNT_EMAIL_VERIFICATION = "none"  # an administrator enters the address
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_AUTHENTICATED_LOGIN_REDIRECTS = False
ACCOUNT_SESSION_REMEMBER = True  # the cookie ends with the 15 idle minutes, not with the browser's restart
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
# Five wrong passwords lock a login for a quarter of an hour; fewer than a hundred in all [SP 800-63B-4 §3.2.2].
ACCOUNT_RATE_LIMITS = {"login_failed": "20/5m/ip,5/15m/key"}
ACCOUNT_FORMS = {"login": "medcrm.sign_in.LoginForm"}
# Off only where nothing is real: the demo and the tests.
MFA_REQUIRED = env.bool("MFA_REQUIRED", default=True)
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_FORMS = {
    "login_webauthn": "medcrm.sign_in.PasskeyForm",
    "authenticate_webauthn": "medcrm.sign_in.SecondKeyForm",
    "reauthenticate_webauthn": "medcrm.sign_in.ConfirmingKeyForm",
}
MFA_TOTP_ISSUER = "MedCRM"
MFA_TOTP_TOLERANCE = 1  # a phone's clock may be half a minute off
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = env.bool("INSECURE_HTTP", default=False)  # browsers allow it on localhost only
BEHIND_TLS_PROXY = env.bool("BEHIND_TLS_PROXY", default=False)
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXIES", default=int(BEHIND_TLS_PROXY))

# Single sign-on: who the identity provider vouches for by e-mail signs in; nobody is created. Off while unset.
SSO_OIDC = env.json("SSO_OIDC", default=[])
SSO_SAML = env.json("SSO_SAML", default=[])
INSTALLED_APPS += ["allauth.socialaccount.providers.openid_connect"] if SSO_OIDC else []
INSTALLED_APPS += ["allauth.socialaccount.providers.saml"] if SSO_SAML else []
SOCIALACCOUNT_ADAPTER = "medcrm.sign_in.SingleSignOn"
SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": SSO_OIDC}, "saml": {"APPS": SSO_SAML}}
SOCIALACCOUNT_EMAIL_AUTHENTICATION = True
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
SOCIALACCOUNT_STORE_TOKENS = False

# Language and time: rows are UTC; the organisation's and each clinic's zone are data

LANGUAGE_CODE = "en"  # of the admin and the API; only nurture's public pages follow the browser
LANGUAGES = [("en", _("English")), ("es", _("Spanish"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
FORMAT_MODULE_PATH = ["medcrm.formats"]
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
USE_TZ = True

# History: who and where is kept with every change that a request, a task or a command makes

PGHISTORY_APPEND_ONLY = True
PGHISTORY_DEFAULT_TRACKERS = (pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
PGHISTORY_MIDDLEWARE_METHODS = ("POST", "PUT", "PATCH", "DELETE")

# Static files

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    # Imports and exports: readable by this user alone, never served by a URL. All workers must share the folder.
    "private": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {
            "location": env.str("PRIVATE_FILES", default=str(BASE_DIR / ".medcrm" / "private")),
            "file_permissions_mode": 0o600,
            "directory_permissions_mode": 0o700,
        },
    },
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
IMPORT_MAX_BYTES = env.int("IMPORT_MAX_BYTES", default=600_000_000)  # twice what a million leads take

# Transport security: on unless the operator serves plain HTTP on purpose (the demo on loopback does)

INSECURE_HTTP = env.bool("INSECURE_HTTP", default=False)
SECURE_SSL_REDIRECT = not INSECURE_HTTP
SECURE_HSTS_SECONDS = 0 if INSECURE_HTTP else 365 * 24 * 3600
SECURE_HSTS_INCLUDE_SUBDOMAINS = not INSECURE_HTTP
SECURE_HSTS_PRELOAD = not INSECURE_HTTP
SESSION_COOKIE_SECURE = not INSECURE_HTTP
CSRF_COOKIE_SECURE = not INSECURE_HTTP
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [csp.NONE],
        "script-src": [csp.SELF, csp.NONCE],
        "style-src": [csp.SELF],
        "img-src": [csp.SELF, "data:"],
        "font-src": [csp.SELF],
        "connect-src": [csp.SELF],
        "form-action": [csp.SELF],
        "base-uri": [csp.NONE],
        "frame-ancestors": [csp.NONE],
    },
}
# What the admin theme cannot do without (docs/security.md): Alpine compiles its attributes, the theme styles inline.
ADMIN_POLICY = {"script-src": [csp.SELF, csp.NONCE, csp.UNSAFE_EVAL], "style-src": [csp.SELF, csp.UNSAFE_INLINE]}
PERMISSIONS_POLICY = (
    "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), "
    "midi=(), payment=(), usb=(), publickey-credentials-get=(self), publickey-credentials-create=(self)"
)
SESSION_COOKIE_SAMESITE = "Lax"  # Strict would sign out whoever comes back from the identity provider
if BEHIND_TLS_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# Celery: the database is the truth, the broker is a bell

CELERY_BROKER_URL = env.str("CELERY_BROKER_URL")
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TASK_IGNORE_RESULT = True
CELERY_RESULT_BACKEND = None
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_SOFT_TIME_LIMIT = 240
CELERY_TASK_TIME_LIMIT = 300
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 600, "socket_timeout": 5, "socket_connect_timeout": 2}
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE_FILENAME = env.str("CELERY_BEAT_SCHEDULE_FILENAME", default=str(BASE_DIR / "celerybeat-schedule"))
CELERY_BEAT_SCHEDULE = {
    "advance": {"task": "medcrm.tasks.advance_due", "schedule": 5.0},
    "roll-out": {"task": "leads.tasks.roll_out", "schedule": 5.0},
    "look-ahead": {"task": "leads.tasks.look_ahead", "schedule": 5.0},
    "route-again": {"task": "routing.tasks.route_again", "schedule": 5.0},
    "back-tests": {"task": "medcrm.reports.tasks.run_back_tests", "schedule": 30.0},
    "refresh-milestones": {"task": "medcrm.reports.tasks.refresh_milestones", "schedule": crontab(hour=9, minute=5)},
    "refresh-summaries": {"task": "medcrm.reports.tasks.refresh_summaries", "schedule": 15.0},
    "review-rules": {"task": "medcrm.reports.tasks.review_rules", "schedule": crontab(hour=9, minute=35)},
    "make-reviews": {"task": "medcrm.reports.tasks.make_reviews", "schedule": 30.0},
    "mail-the-week": {
        "task": "medcrm.reports.tasks.mail_the_week",
        "schedule": crontab(hour=12, minute=0, day_of_week=1),
    },
    "import": {"task": "medcrm.tasks.import_due", "schedule": 5.0},
    "export": {"task": "medcrm.tasks.export_due", "schedule": 5.0},
    "expire-exports": {"task": "medcrm.tasks.expire_exports", "schedule": 600.0},
    "expire-import-files": {"task": "medcrm.tasks.expire_import_files", "schedule": crontab(hour=8, minute=30)},
    "search-duplicates": {"task": "medcrm.tasks.search_duplicates", "schedule": 60.0},
    "search-duplicates-anew": {"task": "medcrm.tasks.search_duplicates_anew", "schedule": crontab(hour=6, minute=45)},
    "settle-stranded-inquiries": {"task": "medcrm.tasks.settle_stranded_inquiries", "schedule": 60.0},
    "dispatch": {"task": "nurture.tasks.dispatch_due", "schedule": 5.0},
    "revisit": {"task": "nurture.tasks.revisit", "schedule": 6 * 3600.0},
    "tell-carrier": {"task": "nurture.tasks.tell_carrier", "schedule": 60.0},
    "sweep-clocks": {"task": "routing.tasks.sweep", "schedule": 60.0},
    "send-notices": {"task": "routing.tasks.send_notices", "schedule": 60.0},
    "settle-forgotten-attempts": {"task": "consent.tasks.settle_forgotten_attempts", "schedule": 60.0},
    "seal-ledger": {"task": "consent.tasks.seal_ledger", "schedule": 3600.0},
    "verify-ledger": {"task": "consent.tasks.verify_ledger", "schedule": crontab(hour=8, minute=15)},
    "deliver-webhooks": {"task": "gateway.tasks.deliver_due", "schedule": 5.0},
    "apply-retention": {"task": "privacy.tasks.apply_retention", "schedule": crontab(hour=8, minute=45)},
    "forget-answers": {"task": "gateway.tasks.forget_old", "schedule": crontab(hour=7, minute=45)},
    "forget-sessions": {"task": "privacy.tasks.forget_sessions", "schedule": crontab(hour=7, minute=55)},
    "forget-webhooks": {"task": "privacy.tasks.forget_events", "schedule": crontab(hour=7, minute=50)},
}

# Nurture: where public pages are reached from outside, and who carries each medium (nurture/channels)

PUBLIC_URL = env.str("PUBLIC_URL", default="http://localhost:8000").rstrip("/")
NURTURE_CHANNELS = {
    "email": env.str("NURTURE_EMAIL_CHANNEL", default="nurture.channels.sandbox.Sandbox"),
    "sms": env.str("NURTURE_SMS_CHANNEL", default="nurture.channels.sandbox.Sandbox"),
}
NURTURE_MAIL_IS_SIGNED = env.bool("NURTURE_MAIL_IS_SIGNED", default=False)  # DKIM covers List-Unsubscribe [E03]
# Media whose provider signed a business associate agreement, e.g. “email”: only these may carry health detail [H10].
NURTURE_VENDOR_AGREEMENTS = env.list("NURTURE_VENDOR_AGREEMENTS", default=[])
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="care@example.org")
EMAIL_BACKEND = env.str("EMAIL_BACKEND", default="django.core.mail.backends.smtp.EmailBackend")
EMAIL_HOST = env.str("EMAIL_HOST", default="localhost")
EMAIL_PORT = env.int("EMAIL_PORT", default=25)
EMAIL_HOST_USER = env.str("EMAIL_HOST_USER", default="")
EMAIL_HOST_PASSWORD = env.str("EMAIL_HOST_PASSWORD", default="")
EMAIL_USE_TLS = env.bool("EMAIL_USE_TLS", default=False)
EMAIL_TIMEOUT = 15
ANYMAIL = env.json("ANYMAIL", default={})
TWILIO_API = env.str("TWILIO_API", default="https://api.twilio.com")
TWILIO_ACCOUNTS_API = env.str("TWILIO_ACCOUNTS_API", default="https://accounts.twilio.com")
TWILIO_ACCOUNT_SID = env.str("TWILIO_ACCOUNT_SID", default="")
TWILIO_AUTH_TOKEN = env.str("TWILIO_AUTH_TOKEN", default="")
TWILIO_SENDER = env.str("TWILIO_SENDER", default="")  # a number in E.164, or a messaging service (MG…)

# API

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "medcrm.api.description.Description",
    "DEFAULT_METADATA_CLASS": None,  # what a path takes is said by the description; OPTIONS is no method of ours
    "EXCEPTION_HANDLER": "medcrm.api.errors.handle",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "MedCRM API",
    "DESCRIPTION": "Inquiries in, leads and what happens to them in step with other systems. "
    "Every error has one shape: `code`, `detail`, and `errors` by field.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "ContactRole": "leads.vocabulary.ContactRole",
        "LeadType": "leads.vocabulary.LeadType",
        "Band": "leads.vocabulary.Band",
        "Verdict": "leads.vocabulary.Verdict",
        "Decision": "leads.vocabulary.Decision",
        "NextStep": "leads.vocabulary.NextStep",
        "Stage": "leads.lifecycle.Stage",
        "InquiryStatus": "leads.models.Inquiry.Status",
        "TimelineKind": "leads.vocabulary.InteractionKind",
        "Direction": "leads.vocabulary.Direction",
        "DocumentState": "leads.vocabulary.DocumentState",
        "AuthorizationState": "leads.vocabulary.AuthorizationState",
        "AppointmentState": "leads.vocabulary.AppointmentState",
        "RequestType": "leads.vocabulary.Request",
        "ConsentChannel": "leads.serializers.CHANNELS",
        "EventKind": "gateway.vocabulary.EventKind",
        "DeliveryState": "gateway.vocabulary.DeliveryState",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "medcrm.api.description.finish",
    ],
}
API_SOURCE_RATE = env.int("API_SOURCE_RATE", default=6000)  # inquiries per minute and source; a client's rate is a row
WEBHOOK_KEY = env.str("WEBHOOK_KEY", default=SECRET_KEY)  # derives the signing secrets of outgoing webhooks
WEBHOOK_ALLOW_LOOPBACK = env.bool("WEBHOOK_ALLOW_LOOPBACK", default=False)  # for trials on one machine only
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024

# Evidence: the key of the address hash that outlives an erasure, and of signed checkpoints

EVIDENCE_KEY = env.str("EVIDENCE_KEY", default=SECRET_KEY)

# Logs: structured, without personal data

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {
            "()": structlog.stdlib.ProcessorFormatter,
            # Plain tracebacks: the rich ones render every local, personal ones too.
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                redact,
                structlog.dev.ConsoleRenderer(colors=False) if DEBUG else structlog.processors.JSONRenderer(),
            ],
            "foreign_pre_chain": [
                structlog.contextvars.merge_contextvars,
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.processors.TimeStamper(fmt="iso"),
            ],
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
}
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.format_exc_info,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)

# Errors go to Sentry only where an operator says so, and never with anything about a person

SENTRY_DSN = env.str("SENTRY_DSN", default="")
if SENTRY_DSN:
    import sentry_sdk

    sentry_sdk.init(
        SENTRY_DSN,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        traces_sample_rate=0,
        before_send=scrub_event,
    )

# Metrics: without a token only a direct caller on the loopback reads them

METRICS_TOKEN = env.str("METRICS_TOKEN", default="")

# Admin theme

UNFOLD = {
    "SITE_TITLE": "MedCRM",
    "SITE_HEADER": "MedCRM",
    "SITE_SUBHEADER": _("Medical lead qualification"),
    "SITE_SYMBOL": "clinical_notes",
    "SITE_URL": None,
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("medcrm/icon.svg")},
    ],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "BORDER_RADIUS": "6px",
    "STYLES": [lambda request: static("medcrm/medcrm.css")],
    "SCRIPTS": [
        "medcrm.sign_in.idle_script",
        lambda request: static("medcrm/dialog.js"),
        lambda request: static("medcrm/access.js"),
    ],
    "ACCOUNT": {"navigation": "medcrm.sign_in.account_links"},
    "DASHBOARD_CALLBACK": "medcrm.homes.fill",
    "SIDEBAR": {"navigation": "medcrm.admin_site.navigation", "show_search": True, "command_search": True},
    "COLORS": {
        # Teal; 600 is dark enough for white letters on it (4.5:1), 400 and 500 for letters on dark ground.
        "primary": {
            "50": "oklch(98.4% .014 180.72)",
            "100": "oklch(95.3% .051 180.8)",
            "200": "oklch(91% .096 180.43)",
            "300": "oklch(85.5% .138 181.07)",
            "400": "oklch(77.7% .152 181.91)",
            "500": "oklch(68% .135 182.5)",
            "600": "oklch(51.1% .096 186.39)",
            "700": "oklch(43.7% .078 188.22)",
            "800": "oklch(38.6% .063 188.42)",
            "900": "oklch(33% .054 190)",
            "950": "oklch(27.7% .046 192.52)",
        },
    },
}
