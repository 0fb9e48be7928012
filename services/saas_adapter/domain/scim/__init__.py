"""Resources of a SCIM service as typed records and back.

`cost_center` has `translate` (resource → record), `express` (record → values by path) and `applied` (resource and
values → the resource as it should be), so that what is written reads back as what was meant; so has `employee`, of
users, with `workforce` for what their extension says. `department` only has the way to the hub: departments are no
resources of their own. What the service holds is said in `docs/how-to/tryton-and-scim.md`.
"""
