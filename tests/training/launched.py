"""What a launcher starts in tests: it trains models one after another, and fails on request.

python -m torch.distributed.run --nproc-per-node 2 launched.py TOKENS TOKENIZER TRAININGS [HOW]

TRAININGS is a list of [a model's part of a recipe, its folder].
"""

import json
import os
import signal
import sys
from pathlib import Path

from babyllama.pipeline.making import make_stage
from babyllama.pipeline.stages import pretraining_stage
from babyllama.recipe import PretrainingRecipe
from babyllama.runs.launched import Launched
from babyllama.training.gradient import Gradients

tokens, tokenizer = map(Path, sys.argv[1:3])
how = json.loads(sys.argv[4]) if len(sys.argv) > 4 else {}
launched = Launched(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))
compute = Gradients.compute


def at_a_step(gradients, batch, step, stop):
    if step == how.get("at") and launched.rank == how.get("rank", 0):
        if how["do"] == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise RuntimeError(how["do"])
    return compute(gradients, batch, step, stop)


Gradients.compute = at_a_step
for part, out in json.loads(sys.argv[3]):
    part = PretrainingRecipe.model_validate(part)
    make_stage(pretraining_stage(part, tokens, tokenizer, Path(out), 1), launched)
