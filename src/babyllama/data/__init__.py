"""From raw text to windows of tokens: sources, cleaning, synthetic text, tokenizer, streams."""
