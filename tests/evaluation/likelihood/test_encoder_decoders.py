"""Encoder-decoders against one plain pass a text, in float64."""

import json

import pytest
from plain_likelihoods import TEXTS, assert_agree, plain_decoder, scorer_of

from babyllama.errors import InputError
from babyllama.recipe import Mixing


@pytest.mark.parametrize("name", ["honest", "2023"])
@pytest.mark.parametrize("kind", ["t5", "bart"])
def test_the_encoder_reads_the_context_and_the_decoder_is_scored_on_the_target(
    folder_of, kind, name
):
    scorer = scorer_of([folder_of(kind)], name, tokens_at_once=30)
    more = {"before": "</s>", "end": True} if name == "2023" else {}
    expected = [plain_decoder([folder_of(kind)], scorer.tokenizer, t, **more) for t in TEXTS]
    assert_agree(scorer, expected)


@pytest.mark.parametrize("mean_of", ["logits", "probabilities"])
def test_ensembles_are_averaged_at_every_position(folder_of, mean_of):
    folders = [folder_of("t5"), folder_of("t5", 1)]
    scorer = scorer_of(folders, mixing=Mixing(mean_of=mean_of))
    assert_agree(
        scorer, [plain_decoder(folders, scorer.tokenizer, t, mean_of=mean_of) for t in TEXTS]
    )


def test_a_decoder_without_a_start_token_is_refused(folder_of, tmp_path):
    for file in folder_of("t5").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text("utf-8"))
    (tmp_path / "config.json").write_text(json.dumps(config | {"decoder_start_token_id": None}))
    with pytest.raises(InputError, match=r"config\.json has no decoder_start_token_id"):
        scorer_of([tmp_path])
