"""Typed scores, pairs of models, and how certain scores and differences are. No torch."""
