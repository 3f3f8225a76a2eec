"""The command line: ``answerable`` or ``python -m answerable``."""

import gc
import signal


def main() -> None:
    """Run the command line."""
    gc.disable()  # what is loaded now stays: looking for what may go would take a tenth of the start
    interrupted = signal.getsignal(signal.SIGINT)
    if interrupted is signal.default_int_handler:  # not where whoever started this wants it to be left alone
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # ^C among the imports ends it without a word about them
    from answerable.commands import build  # noqa: PLC0415

    cli = build()
    signal.signal(signal.SIGINT, interrupted)
    gc.enable()
    cli(prog_name="answerable")


if __name__ == "__main__":
    main()
