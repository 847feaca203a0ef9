"""The answers of POSTs with an Idempotency-Key: their table, their erasure and their end."""
