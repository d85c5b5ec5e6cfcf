"""Commands of the `babyllama` program in a terminal of their own."""

import os
import pty
import signal
import sys

PROGRAM = [sys.executable, "-c", "from babyllama.cli import main; main()"]


class Terminal:
    """A command in a pseudo-terminal: a real process that believes a person sits there.

    Attributes:
        seen: what it has printed so far.
    """

    def __init__(self, *arguments):
        self.process, self.file = pty.fork()
        if self.process == 0:
            os.environ["TERM"] = "xterm"
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # a job in the background ignores it
            os.execv(sys.executable, [*PROGRAM, *map(str, arguments)])
        self.seen = ""

    def read_until(self, text):
        """Blocks until it was printed; None: until the end."""
        while text is None or text not in self.seen:
            try:
                read = os.read(self.file, 65536)
            except OSError:  # how Linux says that the other side is closed
                read = b""
            if not read:
                assert text is None, self.seen
                return
            self.seen += read.decode(errors="replace")

    def press(self, keys):
        os.write(self.file, keys)

    def exit_code(self):
        self.read_until(None)
        os.close(self.file)
        return os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])
