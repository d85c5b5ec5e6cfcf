"""Benchmark scripts: `python -m benchmarks.NAME`."""

import os

# Waiting threads sleep, as in the command line; torch reads this when it is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
