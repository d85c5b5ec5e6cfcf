"""What the page says while its models are loaded."""

from babyllama.play import models
from babyllama.play.finding import find_models
from babyllama.play.opening import Opening, load


def test_loading_says_which_model_it_is_at(play_run, monkeypatch):
    opening, said = Opening(), []
    real = models.load_shown

    def heard(*given, **more):
        said.append(opening.doing)
        return real(*given, **more)

    monkeypatch.setattr(models, "load_shown", heard)
    load(find_models({"run": play_run.folder}), opening)
    assert said == [
        "loading 1 of 4: teachers/llama",
        "loading 2 of 4: teachers/gpt2",
        "loading 3 of 4: students/distilled",
        "loading 4 of 4: students/twin",
    ]
    assert not opening.is_over  # until it is given the answers
