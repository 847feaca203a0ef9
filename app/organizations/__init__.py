"""Organizations: the tree a tenant is made of."""
