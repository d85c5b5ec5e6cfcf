"""Small language models from little data, taught by an ensemble that ran once."""

__version__ = "0.1.0"
