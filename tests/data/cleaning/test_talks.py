import pytest

from babyllama.data.cleaning.talks import remove_talk_cues, remove_talkers


@pytest.mark.parametrize(
    ("rule", "text", "expected"),
    [
        (remove_talk_cues, "[Music] plays", "[Music] plays"),
        (remove_talkers, "AB:c", "AB:c"),
        (remove_talkers, "Ann Lee:go", "Ann Lee:go"),
        (remove_talkers, "Man:go", "Man:go"),
        (remove_talkers, "Audience: Yes. Man 2: No.", "Yes. Man 2: No."),
    ],
)
def test_rules_for_talks_take_every_form_and_leave_what_looks_like_it(rule, text, expected):
    assert rule(text) == expected
