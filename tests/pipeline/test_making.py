"""Making one stage: by which process."""

from babyllama.pipeline.making import make_stage
from babyllama.pipeline.stages import corpus_stage
from babyllama.runs.launched import Launched
from babyllama.runs.manifests import read_manifest


def test_a_stage_that_is_made_alone_is_made_by_the_first_process(tiny_recipe, corpus, tmp_path):
    stage = corpus_stage(corpus, tiny_recipe.corpus, tmp_path / "run" / "corpus")
    make_stage(stage, Launched(rank=1, count=2))
    assert not stage.out.exists()
    make_stage(stage, Launched(rank=0, count=2))
    assert read_manifest(stage.out)
