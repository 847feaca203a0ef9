"""Whole rosters: people who turn out to be one, and everything that names them."""
