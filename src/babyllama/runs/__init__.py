"""What lies on disk: finished folders, kept parts of long work, logs, rows of files. No torch."""
