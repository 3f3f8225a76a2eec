"""The command line: ``answerable`` or ``python -m answerable``."""

import gc


def main() -> None:
    """Run the command line."""
    gc.disable()  # what is loaded now stays: looking for what may go would take a tenth of the start
    from answerable.commands import build  # noqa: PLC0415

    cli = build()
    gc.enable()
    cli(prog_name="answerable")


if __name__ == "__main__":
    main()
