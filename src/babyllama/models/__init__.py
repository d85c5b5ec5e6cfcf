"""Causal Hugging Face models: build, load, read states and logits, average, and the loss."""
