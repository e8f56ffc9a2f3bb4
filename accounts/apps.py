from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in
from django.db.models.signals import post_migrate, post_save


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "Accounts"

    def ready(self) -> None:
        from allauth.mfa.models import Authenticator

        # The schema finds its extensions by their having been imported.
        from accounts import (
            erasing,
            schema,  # noqa: F401
            sessions,
            watching,
        )
        from accounts.confirmation import keep_in_step
        from accounts.erasure import erases
        from accounts.models import ApiToken, OutgoingMail, User
        from accounts.plans import ensure_plans
        from doculume.rotation import keeps_secrets

        post_migrate.connect(ensure_plans, sender=self, dispatch_uid="ensure_plans")
        erases(account=erasing.of_account, person=erasing.of_person)
        user_logged_in.connect(sessions.track, dispatch_uid="track_sessions")
        watching.connect()
        post_save.connect(keep_in_step, sender=User, dispatch_uid="keep_email_in_step")
        keeps_secrets(ApiToken, "encrypted")
        keeps_secrets(OutgoingMail, "content")
        keeps_secrets(Authenticator, "data", "secret", "seed", "migrated_codes")
