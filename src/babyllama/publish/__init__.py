"""How models leave: the Hugging Face hub, and BabyLM's submission."""
