"""The auditor's own check of an evidence bundle: offline, with public keys only.

Needs nothing but the standard library and `cryptography`, and shares no code with the log that it checks: it is written
from RFC 9162 and the C2SP specifications (signed-note, tlog-checkpoint, tlog-cosignature, tlog-proof).
"""
