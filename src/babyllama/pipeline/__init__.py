"""The pipeline: its stages, the checks before them, the plan, and the run of all stages."""
