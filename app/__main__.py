"""``python -m app`` is the command ``fa-readiness``."""

from app.cli import main

main()
