"""The audit trail over HTTP: who changed what, what was refused, and whether the trail is whole."""
