"""Calendars: due dates of action items as a feed that calendar programs subscribe to by a secret address."""
