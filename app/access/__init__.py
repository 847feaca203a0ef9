"""Who may do what, where: principals, keys, grants and the one table of operations and roles."""
