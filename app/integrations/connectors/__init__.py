"""Connectors, which pull people from HR systems: the base, the drivers, and /v1/connectors."""
