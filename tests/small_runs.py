"""The real command, and settings that make `mini` small."""

import subprocess
import sys

SMALL = [
    "corpus.source.words=3000", "corpus.source.dev_words=700", "tokenizer.vocab_size=400",
    *(f"teachers.{name}.training.{field}" for name in ("llama", "gpt2")
      for field in ("epochs=1", "batch_size=4", "window=32", "precision=float32")),
    "teachers.llama.model.hidden_size=32", "teachers.llama.model.num_hidden_layers=1",
    "teachers.gpt2.model.n_embd=32", "teachers.gpt2.model.n_layer=1",
    "students.distilled.model.hidden_size=32", "students.distilled.model.num_hidden_layers=1",
    *(f"students.distilled.training.{field}"
      for field in ("epochs=2", "batch_size=4", "window=32", "precision=float32")),
]  # fmt: skip


def babyllama(*arguments, **options):
    command = [sys.executable, "-c", "from babyllama.cli import main; main()"]
    return subprocess.run(
        [*command, *map(str, arguments)], capture_output=True, text=True, check=False, **options
    )
