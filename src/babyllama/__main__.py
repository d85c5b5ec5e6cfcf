"""The `babyllama` command, also as `python -m babyllama`.

Almost nothing is imported before Ctrl-C is handled.
"""

import sys


def main() -> None:
    """Run the command line; Ctrl-C while its modules are imported ends it quietly."""
    try:
        from babyllama.cli import main as command_line
    except KeyboardInterrupt:
        sys.exit(1)
    command_line()


if __name__ == "__main__":
    main()
