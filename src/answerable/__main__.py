"""The command line: ``answerable`` or ``python -m answerable``."""

from answerable.commands import build


def main() -> None:
    """Run the command line."""
    build()(prog_name="answerable")


if __name__ == "__main__":
    main()
