import pytest

from babyllama.data.cleaning.transcripts import (
    complete_words,
    remove_speaker_letters,
    remove_unclear_words,
)


@pytest.mark.parametrize(
    ("rule", "text", "expected"),
    [
        (remove_unclear_words, "maxxx foxx", "maxxx foxx"),
        (
            complete_words,
            "(laughs) I'm goin(g) (be)cause f (x) y",
            "(laughs) I'm going because f (x) y",
        ),
        (remove_speaker_letters, "A:\nB: yes.\nC:no", "\nyes.\nC:no"),
    ],
)
def test_rules_for_transcripts_take_every_form_and_leave_what_looks_like_it(rule, text, expected):
    assert rule(text) == expected
