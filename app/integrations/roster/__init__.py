"""Imports of files of people and of organizations, and the merge of two records of one person."""
