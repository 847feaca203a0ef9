"""Figures that HR, learning and finance systems report about organizations."""
