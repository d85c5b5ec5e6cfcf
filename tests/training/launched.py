"""What a launcher starts in tests: trains a model, and dies where it is told to.

python -m torch.distributed.run --nproc-per-node 2 launched.py PART TOKENS TOKENIZER OUT [HOW]
"""

import json
import os
import signal
import sys
from pathlib import Path

from babyllama import artefact
from babyllama.pipeline import Launched, complete, pretraining_stage
from babyllama.recipe import PretrainingRecipe
from babyllama.training import loop

part = PretrainingRecipe.model_validate_json(sys.argv[1])
tokens, tokenizer, out = map(Path, sys.argv[2:5])
how = json.loads(sys.argv[5]) if len(sys.argv) > 5 else {}
launched = Launched(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))
backward = loop._backward


def at_a_step(training, batch, step, stop):
    if step == how.get("at") and launched.rank == how.get("rank", 0):
        if how["do"] == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise RuntimeError(how["do"])
    return backward(training, batch, step, stop)


loop._backward = at_a_step
stage = pretraining_stage(part, tokens, tokenizer, out, 1)
try:
    complete(stage, launched)
finally:
    print(f"rank {launched.rank} ends", artefact.read_manifest(out) is not None, flush=True)
