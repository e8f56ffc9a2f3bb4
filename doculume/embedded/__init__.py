"""PostgreSQL and Valkey from wheels, run under a small supervisor of our own.

Nothing here needs Django, so that settings may ask where the servers will listen before they have ever run.
"""

from __future__ import annotations
