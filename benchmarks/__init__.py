"""Scripts that measure: `python -m benchmarks.NAME`."""

import os

# As the command line has it, for it is read when torch is loaded: threads that wait sleep.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
