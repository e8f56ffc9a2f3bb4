"""Every setting, and the only place where the environment is read.

Nothing set: the embedded default, with a database, a broker and secrets of its own below `DOCULUME_VAR`.
`DATABASE_URL` or `REDIS_URL` set: that server is used instead, and the secrets must be given too.
"""

from __future__ import annotations

import re
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import dj_database_url
from csp.constants import NONE, SELF
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry

from doculume import embedded
from doculume.embedded.secrets import secret
from doculume.env import env_bool, env_hosts, env_int, env_issuer, env_list, env_secret, env_str
from doculume.operations import look

BASE_DIR = Path(__file__).resolve().parent.parent
VAR = Path(env_str("DOCULUME_VAR") or BASE_DIR / "var").resolve()
MODELS_DIR = Path(env_str("DOCULUME_MODELS") or VAR / "models").resolve()
DEBUG = env_bool("DEBUG")
TESTING = "pytest" in sys.modules

# --- secrets -----------------------------------------------------------------------------------------------------
EMBEDDED_DATABASE = not env_str("DATABASE_URL")
EMBEDDED_REDIS = not env_str("REDIS_URL")


def _secret(name: str) -> str:
    own = (lambda: secret(VAR, name.lower())) if EMBEDDED_DATABASE else None
    return env_secret(name, own, debug=DEBUG)


SECRET_KEY = _secret("SECRET_KEY")
JWT_SIGNING_KEY = _secret("JWT_SIGNING_KEY")
# The first key encrypts, all of them decrypt: put a new one in front to rotate.
ENCRYPTION_KEYS = [_secret("ENCRYPTION_KEY"), *env_list("ENCRYPTION_KEYS_OLD")]

# --- hosts and transport -----------------------------------------------------------------------------------------
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env_list("CSRF_TRUSTED_ORIGINS")
TRUSTED_PROXIES = env_int("TRUSTED_PROXIES", 0, minimum=0)
HTTPS = env_bool("HTTPS", False)
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^livez$", r"^readyz$"]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 14 * 24 * 3600
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

# --- the application ---------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "doculume",
    "accounts",
    "llm_settings",
    "knowledge",
    "chat",
    "integrations",
    # Its pages, on a site of our own.
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "doculume.operations.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "csp",
]
MIDDLEWARE = [
    "accounts.middleware.RequestIdMiddleware",
    "accounts.middleware.RateLimitMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "doculume.statics.StaticFilesMiddleware",
    "doculume.statics.PackedPagesMiddleware",
    "doculume.policies.ContentPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "accounts.middleware.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.middleware.SessionActivityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "doculume.urls"
ASGI_APPLICATION = "doculume.asgi.application"
APPEND_SLASH = False
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
                "accounts.pages.choice_of_page",
                "accounts.preferences.theme_of_page",
            ]
        },
    }
]
FORM_RENDERER = "doculume.widgets.WrittenWidgets"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en"
# What pages can speak: each as it calls itself. The API is in English. Words: doculume/locale, see doculume.catalogs.
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
FORMAT_MODULE_PATH = "doculume.formats"

# --- the admin ---------------------------------------------------------------------------------------------------
UNFOLD = look.UNFOLD

# --- database, cache, broker -------------------------------------------------------------------------------------
DATABASES = {"default": dj_database_url.parse(env_str("DATABASE_URL") or embedded.database_url(VAR))}
DATABASES["default"].setdefault("OPTIONS", {})
# A statement that outlives its request is of no use to anybody; what may take longer lifts this for itself.
DATABASES["default"]["OPTIONS"] |= {
    "pool": {"min_size": 0, "max_size": env_int("DATABASE_POOL", 20, minimum=2), "timeout": 10, "max_idle": 120},
    "options": f"-c statement_timeout={env_int('DATABASE_STATEMENT_TIMEOUT_MS', 30_000, minimum=0)}",
}
DATABASES["default"] |= {"ENGINE": "doculume.postgresql", "CONN_HEALTH_CHECKS": True}
# Where connections are to the server itself; see doculume.postgresql.statements.
DATABASE_PREPARED_STATEMENTS = env_bool("DATABASE_PREPARED_STATEMENTS", True)

REDIS_URL = env_str("REDIS_URL") or embedded.redis_url(VAR)
CACHES = {
    "default": {
        "BACKEND": "doculume.cache.CountingCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": env_str("CACHE_PREFIX", "doculume"),
        # A server that is paused must not hold whoever asks it. A connection that broke meanwhile is made anew once.
        "OPTIONS": {
            "socket_timeout": 1,
            "socket_connect_timeout": 1,
            "retry": Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
        },
    }
}
SESSION_ENGINE = "django.contrib.sessions.backends.db"
# Between the sockets of a user, which may be at different web processes.
CHANNEL_LAYERS: Any = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": f"{env_str('CACHE_PREFIX', 'doculume')}:sockets:"},
    }
}

CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 3600,
    # Without these two a killed worker's message did not come back within a minute.
    "unacked_restore_interval": 2,
    "unacked_restore_throttle": 1,
    "global_keyprefix": env_str("CELERY_PREFIX", "doculume:"),
    "socket_connect_timeout": 5,
    "socket_timeout": 30,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 5
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SOFT_TIME_LIMIT = 1800
CELERY_TASK_TIME_LIMIT = 1860
CELERY_TASK_DEFAULT_QUEUE = "ingestion"
# Every worker asks for these, by name, again and again.
SWEEPS = [
    "knowledge.tasks.sweep",
    "knowledge.tasks.sweep_imports",
    "chat.tasks.interrupt_orphans",
    "accounts.tasks.forget_expired_sign_ins",
    "accounts.tasks.forget_old_invitations",
    "accounts.tasks.erase_deleted",
    "accounts.tasks.forget_old_events",
    "chat.tasks.forget_old_conversations",
    "accounts.tasks.sweep_mail",
]
SWEEP_SECONDS = env_int("SWEEP_SECONDS", 30, minimum=1)
UNHURRIED = [
    *SWEEPS,
    "knowledge.tasks.reindex",
    "knowledge.tasks.move_everybody",
    "knowledge.tasks.roll_everybody_back",
    "knowledge.tasks.retire_everywhere",
    "knowledge.tasks.look_over",
    "llm_settings.tasks.learn_window",
]
CELERY_TASK_ROUTES = {name: {"queue": "maintenance"} for name in UNHURRIED} | {
    "accounts.tasks.deliver_mail": {"queue": "mail"}
}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_PUBLISH_RETRY = False

# --- mail --------------------------------------------------------------------------------------------------------
# Until a mail server is named, mail is written to files that whoever runs this machine can read.
EMAIL_HOST = env_str("EMAIL_HOST")
EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend" if EMAIL_HOST else "accounts.mail_files.PrivateFiles"
EMAIL_FILE_PATH = VAR / "mail"
EMAIL_HOST_USER = env_str("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = env_str("EMAIL_HOST_PASSWORD")
EMAIL_USE_SSL = env_bool("EMAIL_USE_SSL")
EMAIL_USE_TLS = env_bool("EMAIL_USE_TLS", bool(EMAIL_HOST) and not EMAIL_USE_SSL)
EMAIL_PORT = env_int("EMAIL_PORT", 465 if EMAIL_USE_SSL else 587 if EMAIL_USE_TLS else 25, minimum=1)
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env_str("DEFAULT_FROM_EMAIL", "DocuLume <doculume@localhost>")
# Where links in mails lead; empty: to the host of the request that caused the mail.
SITE_URL = env_str("SITE_URL").rstrip("/")

# --- files -------------------------------------------------------------------------------------------------------
MEDIA_ROOT = Path(env_str("MEDIA_ROOT") or VAR / "media")
STATIC_URL = "/static/"
STATIC_ROOT = Path(env_str("STATIC_ROOT") or VAR / "static")
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    # Any django-storages backend by its dotted path; its options as that backend reads them from the environment.
    "default": {"BACKEND": env_str("MEDIA_STORAGE", "knowledge.storage.DurableFileSystemStorage")},
    "staticfiles": {"BACKEND": "doculume.statics.ReleaseStorage"},
}
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
# The largest body that is not a file: fifty entries with their texts. Which path takes how much: doculume.asgi.
DATA_UPLOAD_MAX_MEMORY_SIZE = 16 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FILES = 20
BODY_MAX_BYTES = 3 * 1024 * 1024
UPLOAD_PATHS = ["/api/v1/documents/upload", "/api/v1/chat/attachments", "/documents/upload"]
IMPORT_PATH = re.compile(r"/collections/[^/]+/imports/?")
ENTRIES_PATH = "/api/v1/collections/"
UPLOAD_MAX_BYTES = env_int("UPLOAD_MAX_BYTES", 100 * 1024 * 1024, minimum=1)

# --- who is asking -----------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
# The one door is `accounts.signing_in`; allauth only carries on from there, so its own backend is not needed.
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
REAUTHENTICATE_AFTER = timedelta(minutes=15)
PASSWORD_RESET_TIMEOUT = 3600
ACCOUNT_ADAPTER = "accounts.allauth.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
# Whether an address must be confirmed is a site setting, which `accounts.confirmation` looks after.
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGIN_TIMEOUT = 600
ACCOUNT_REAUTHENTICATION_TIMEOUT = int(REAUTHENTICATE_AFTER.total_seconds())
# Limits are ours; see `accounts.throttling`.
ACCOUNT_RATE_LIMITS = False
# Signing in at another site: off until it is named.
OIDC: Any = {
    "issuer": env_issuer("OIDC_ISSUER"),
    "client_id": env_str("OIDC_CLIENT_ID"),
    "client_secret": env_str("OIDC_CLIENT_SECRET"),
    "name": env_str("OIDC_NAME"),
    # Hosts besides the issuer's own that its description may send us to.
    "hosts": env_list("OIDC_HOSTS"),
}
SOCIALACCOUNT_ADAPTER = "accounts.foreign_sign_in.SocialAccountAdapter"
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
SOCIALACCOUNT_STORE_TOKENS = False
PASSWORD_HASHERS = [
    "accounts.hashers.LeanArgon2",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
MFA_ADAPTER = "accounts.allauth.MFAAdapter"
MFA_TOTP_ISSUER = "DocuLume"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_TOLERANCE = 1
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_RECOVERY_CODE_COUNT = 10
# Where addresses need no confirmation there is nothing to wait for.
MFA_ALLOW_UNVERIFIED_EMAIL = True
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "/sign-in"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/sign-in"
# Until staff decide in the site settings.
REGISTRATION = "open" if env_bool("REGISTRATION_OPEN", True) else "closed"
ACCESS_TOKEN_LIFETIME = timedelta(minutes=15)
# So often an open stream or socket looks whether its credential still holds; it ends within two to three times that.
CREDENTIAL_CHECK_SECONDS = env_int("CREDENTIAL_CHECK_SECONDS", 20, minimum=1)
REFRESH_TOKEN_LIFETIME = timedelta(days=14)
# So long a link opens the file that an answer cites, for visitors of other people's pages.
SOURCE_LINK_LIFETIME = timedelta(seconds=env_int("SOURCE_LINK_SECONDS", 3600, minimum=1))
SIMPLE_JWT = {
    "ALGORITHM": "HS256",
    "SIGNING_KEY": JWT_SIGNING_KEY,
    "ACCESS_TOKEN_LIFETIME": ACCESS_TOKEN_LIFETIME,
    "REFRESH_TOKEN_LIFETIME": REFRESH_TOKEN_LIFETIME,
    "ISSUER": "doculume",
    "USER_ID_FIELD": "uuid",
    "USER_ID_CLAIM": "sub",
    "UPDATE_LAST_LOGIN": False,
}

# --- the API -----------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.BearerAuthentication",
        "accounts.authentication.CookieAuthentication",
        "accounts.authentication.PageSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_THROTTLE_CLASSES": ["accounts.rate_limits.RateThrottle"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["doculume.dialects.parsers.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "doculume.openapi.AutoSchema",
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "doculume.dialects.negotiation.AnyAccept",
    "EXCEPTION_HANDLER": "doculume.dialects.structured.exception_handler",
    "URL_FORMAT_OVERRIDE": None,
    "DATETIME_FORMAT": "%Y-%m-%dT%H:%M:%S.%fZ",
    "NUM_PROXIES": TRUSTED_PROXIES,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "DocuLume API",
    "VERSION": "1.0.0",
    "DESCRIPTION": "Documents and records in; right, fast and cited answers out.",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "MessageStatusEnum": "chat.models.Message.Status",
        "RoleEnum": "chat.models.Message.Role",
        "ProviderTypeEnum": "llm_settings.models.LLMProvider.Type",
        "IntegrationTypeEnum": "integrations.models.Integration.Type",
        "BoostTypeEnum": "integrations.api.searching.BOOST_TYPES",
        "SortTypeEnum": "integrations.api.searching.SORT_TYPES",
        "AskedRoleEnum": "integrations.openai_door.serializers.ROLES",
        "AnswerFormatEnum": "integrations.api.answer_serializers.FORMATS",
        "ChatbotFormatEnum": "integrations.api.chatbot_serializers.FORMATS",
        "PastRoleEnum": "integrations.api.chatbot_serializers.ROLES",
    },
}

# --- models ------------------------------------------------------------------------------------------------------
# "local" runs a folder with model.onnx and tokenizer.json in this process; "openai" calls any compatible endpoint.
EMBEDDING: Any = {
    "provider": env_str("DOCULUME_EMBEDDING_PROVIDER", "local"),
    "model": env_str("DOCULUME_EMBEDDING_MODEL", "multilingual-e5-small"),
    "base_url": env_str("DOCULUME_EMBEDDING_BASE_URL"),
    "api_key": env_str("DOCULUME_EMBEDDING_API_KEY"),
    "dimensions": env_int("DOCULUME_EMBEDDING_DIMENSIONS", 384, minimum=1),
}
# No base URL and no key: answers come from the extractive model, which needs neither.
CHAT: Any = {
    "provider": "openai" if env_str("DOCULUME_LLM_BASE_URL") else "",
    "base_url": env_str("DOCULUME_LLM_BASE_URL"),
    "model": env_str("DOCULUME_LLM_MODEL"),
    "api_key": env_str("DOCULUME_LLM_API_KEY"),
    "context_tokens": env_int("DOCULUME_LLM_CONTEXT_TOKENS", 8192, minimum=1024),
}
# How long a follow-up question may take to be rewritten before the search goes on without. A model on a CPU wants more.
REWRITE_SECONDS = env_int("DOCULUME_REWRITE_SECONDS", 2, minimum=0)
# Where models that users name may be besides on the open internet, by address and port. On one's own machine: Ollama,
# llama.cpp and LM Studio.
PRIVATE_HOSTS = env_hosts(
    "DOCULUME_PRIVATE_HOSTS", "localhost:11434,localhost:8080,localhost:1234" if EMBEDDED_DATABASE else ""
)

# Reorders the best entries of a search, by an endpoint that speaks Cohere's `/rerank`, as vLLM, TEI and Infinity do.
# No base URL: none. When the budget is over, the order stands as it was.
RERANK: Any = {
    "provider": "cohere" if env_str("DOCULUME_RERANK_BASE_URL") else "",
    "base_url": env_str("DOCULUME_RERANK_BASE_URL"),
    "model": env_str("DOCULUME_RERANK_MODEL"),
    "api_key": env_str("DOCULUME_RERANK_API_KEY"),
    "budget_ms": env_int("DOCULUME_RERANK_BUDGET_MS", 300, minimum=10),
}

# --- ingestion ---------------------------------------------------------------------------------------------------
INGESTION = {
    "lease_seconds": env_int("INGESTION_LEASE_SECONDS", 45, minimum=3),
    "max_attempts": 3,
    # After so long a document lets others go first, if any wait.
    "turn_seconds": env_int("INGESTION_TURN_SECONDS", 20, minimum=1),
    "chunk_tokens": env_int("INGESTION_CHUNK_TOKENS", 320, minimum=64),
}

# Files of records that become entries. A file is kept so many days after it was imported.
IMPORTS = {
    "max_bytes": env_int("IMPORT_MAX_BYTES", 50 * 1024 * 1024, minimum=1),
    "max_rows": env_int("IMPORT_MAX_ROWS", 100_000, minimum=1),
    "max_cell_chars": env_int("IMPORT_MAX_CELL_CHARS", 1_000_000, minimum=1),
    "keep_days": env_int("IMPORT_KEEP_DAYS", 7, minimum=0),
}

# --- logs --------------------------------------------------------------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env_str("LOG_LEVEL", "INFO")},
    "loggers": {
        # At INFO it names the address of every call.
        "httpx2": {"level": "WARNING"},
        "fontTools": {"level": "WARNING"},
        "fpdf": {"level": "ERROR"},
        "django.request": {"level": "ERROR"},
        # Anybody can send a Host that is not ours; it is refused, and that is all there is to it.
        "django.security.DisallowedHost": {"level": "CRITICAL"},
    },
}
