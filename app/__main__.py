"""``python -m app`` is the command ``fa-readiness``."""

from app.importing import rare_garbage_collection


def main() -> None:
    """Run the command line."""
    with rare_garbage_collection():
        from app import cli  # noqa: PLC0415  # the import takes as long as some commands

    cli.main()


if __name__ == "__main__":
    main()
