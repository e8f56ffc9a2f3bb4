"""Giving up an encryption key without losing what it sealed."""

from __future__ import annotations

import io
import json

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.core.management import CommandError, call_command

from accounts import api_tokens
from accounts.models import ApiToken, OutgoingMail
from doculume.crypto import UnreadableSecret, decrypt, encrypt
from llm_settings import configuring
from llm_settings.models import LLMProvider, UserLLMConfig

OLD, NEW = "an old key of forty characters, or so 1234", "a new key of forty characters, or so 56789"
KEY, OWN_KEY = "sk-the-accounts-key-1111", "sk-the-users-own-key-2222"

pytestmark = pytest.mark.django_db


def rotate() -> str:
    told = io.StringIO()
    call_command("rotate_encryption", stdout=told)
    return told.getvalue()


def test_after_a_rotation_everything_is_read_without_the_old_key(alice, account, settings):
    settings.ENCRYPTION_KEYS = [OLD]
    secret, token = generate_totp_secret(), api_tokens.create(alice, account, "CI")[1]
    TOTP.activate(alice, secret)
    codes = RecoveryCodes.activate(alice).get_unused_codes()
    OutgoingMail.objects.create(to="a@example.com", subject="s", content=encrypt(json.dumps({"text": "t"})))
    url = "https://models.example.com/v1"
    provider, _ = configuring.save(account, "own", request=None, actor=alice, base_url=url, api_key=KEY)
    configuring.set_own_key(provider, alice, OWN_KEY, request=None, actor=alice)
    configuring.save(account, "keyless", request=None, actor=alice, base_url=url)

    settings.ENCRYPTION_KEYS = [NEW, OLD]
    told = rotate()
    assert "accounts.ApiToken.encrypted: 1 encrypted anew, 0 unreadable" in told
    assert "mfa.Authenticator.data: 2 encrypted anew, 0 unreadable" in told
    assert KEY not in told

    settings.ENCRYPTION_KEYS = [NEW]
    assert decrypt(ApiToken.objects.get().encrypted) == token
    assert decrypt(OutgoingMail.objects.get().content) == '{"text": "t"}'
    assert decrypt(Authenticator.objects.get(type="totp").data["secret"]) == secret
    assert RecoveryCodes(Authenticator.objects.get(type="recovery_codes")).get_unused_codes() == codes
    assert decrypt(LLMProvider.objects.get(name="own").encrypted_key) == KEY
    assert LLMProvider.objects.get(name="keyless").encrypted_key == ""
    assert decrypt(UserLLMConfig.objects.get().encrypted_key) == OWN_KEY


def test_what_no_key_reads_stays_as_it_is_and_is_told_of(alice, account, settings):
    settings.ENCRYPTION_KEYS = [OLD]
    url = "https://models.example.com/v1"
    configuring.save(account, "own", request=None, actor=alice, base_url=url, api_key=KEY)
    settings.ENCRYPTION_KEYS = [NEW]
    with pytest.raises(CommandError, match="1 secrets"):
        rotate()
    kept = LLMProvider.objects.get().encrypted_key
    with pytest.raises(UnreadableSecret):
        decrypt(kept)
    settings.ENCRYPTION_KEYS = [OLD]
    assert decrypt(kept) == KEY
