"""Rosters: the import of a file of people, and the merge of two records of one person."""
