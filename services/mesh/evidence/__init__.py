"""Whether the audit has all the evidence of a service.

`comparison` is pure; `own` is a service's side of it, `audited` the audit's; `service` answers who asks, `watch` looks
by itself.
"""
