"""Any causal Hugging Face model: made, loaded, read for states and logits, mixed, and its loss."""
