"""A whole installation in one file: what its database holds, at one moment, and the files that this refers to.

The file is a gzipped tar, written and read as a stream: `header.json` (format, migrations, tables and their columns,
proofs of the keys), `tables/NAME/N` (parts of what PostgreSQL's COPY gives as text), `files/NAME` (as the storage
names them), `end.json` (counts, and a checksum of all before it). It needs no pg_dump, so that the two databases may
be of different versions. Secrets in it are encrypted as they are in the database, under keys that are not in it.
"""

from __future__ import annotations

from django.dispatch import Signal

# Sent with nothing when a database has been restored, for what is not in a backup because it follows from the rest.
restored = Signal()
