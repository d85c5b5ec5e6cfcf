"""How models leave: BabyLM's submission."""
