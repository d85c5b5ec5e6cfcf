"""Scores: likelihoods of texts, suites, fine-tuning, scores over a run and its checkpoints."""
