"""`make bench`: what calls of the hub cost, told by the processor time of its process.

`hub` runs a mesh, `requests` makes what is sent to it, `generator` sends it from a process of its own, `trial` is one
measured round, `processor_time` and `figures` are the arithmetic, `programme` is what is measured in which order.
"""
