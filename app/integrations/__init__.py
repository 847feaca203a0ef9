"""Ways in and out for the systems of an agency."""
