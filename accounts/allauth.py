"""How allauth, which does two-factor, confirmation of addresses and password resets, fits into this house."""

from __future__ import annotations

from allauth.mfa.adapter import DefaultMFAAdapter

from doculume.crypto import decrypt, encrypt


class MFAAdapter(DefaultMFAAdapter):
    """Keeps the secrets of authenticators encrypted."""

    def encrypt(self, text: str) -> str:
        return encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        return decrypt(encrypted_text)
