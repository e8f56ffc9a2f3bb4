"""How passwords are hashed."""

from __future__ import annotations

from django.contrib.auth.hashers import Argon2PasswordHasher


class LeanArgon2(Argon2PasswordHasher):
    """Argon2id with 19 MiB, two passes and one lane: OWASP's Password Storage Cheat Sheet.

    Django's own parameters take 100 MiB and eight lanes for each check, so that some dozens of sign-ins at once
    would take the memory of a small server.
    """

    time_cost = 2
    memory_cost = 19 * 1024
    parallelism = 1
