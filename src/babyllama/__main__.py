"""The `babyllama` command, also as `python -m babyllama`.

Almost nothing is imported before Ctrl-C is handled.
"""

import sys


def main() -> None:
    """Run the command line. Ctrl-C during its imports ends the program without a traceback."""
    try:
        from babyllama.cli import main as command_line

        command_line()
    except KeyboardInterrupt:
        sys.exit(1)


if __name__ == "__main__":
    main()
