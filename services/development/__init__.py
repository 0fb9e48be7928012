"""What stands in for an operator, a certificate authority and an identity provider while the mesh is developed.

For clusters and machines of one's own and nowhere else: whoever reads its secrets can be anybody.
"""
