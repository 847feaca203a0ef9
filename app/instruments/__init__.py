"""Instruments, drivers and scoring profiles: documents as data, and the schemas they must fit."""
