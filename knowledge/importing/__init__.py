"""Files of records into entries: `accepting` takes a file, `mapping` says what its columns are, `running` does it.

This package's `records` runs in a child without Django, so nothing is imported here.
"""
