"""What is on disk: finished folders, kept results, paths of a run, logs, rows. No torch."""
