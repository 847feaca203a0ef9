"""Exports: every list of the API as CSV, JSON Lines or a workbook, with the rights and filters of the list itself."""
