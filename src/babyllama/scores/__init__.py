"""What a score is, how two are paired, and how sure a difference is. No torch."""
