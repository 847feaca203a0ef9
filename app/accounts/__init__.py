"""Principals, their keys and their roles, as the API manages them."""
