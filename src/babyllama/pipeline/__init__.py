"""The line: its stages, the checks before them, the plan, and the run that makes all in order."""
