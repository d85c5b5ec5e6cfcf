import pytest

from babyllama.data.cleaning.subtitles import (
    remove_credits,
    remove_parentheses,
    remove_song_marks,
    remove_speaker_names,
)


@pytest.mark.parametrize(
    ("rule", "text", "expected"),
    [
        (remove_credits, "Big thanks to opensubtitles", ""),
        (remove_credits, "osdb.link/vip", ""),
        (remove_credits, "Mail ann@a.org now", ""),
        (remove_credits, "All subtitles from Ann", ""),
        (remove_credits, "These subtitles: Ann", ""),
        (remove_credits, "All subtitling by Ann", ""),
        (remove_credits, "~ Caption by Ann", ""),
        (remove_credits, "Re-sync by Ann", ""),
        (remove_credits, "Subs: Ann", ""),
        (remove_credits, "Transcript by Ann", ""),
        (remove_credits, "Translation : Ann", ""),
        (remove_credits, "Sync :", ""),
        (remove_credits, "Subtitles:", ""),
        (
            remove_credits,
            "Synchronized, as it says, http://a.org now. See http://b.org",
            " now. See ",
        ),
        (remove_parentheses, "(12,5) Hm.", " Hm."),
        (remove_song_marks, "C# is no. #1, M*A*S*H -# No", "C# is no. #1, M*A*S*H - No"),
        (remove_speaker_names, "NASA:now 10:30", "NASA:now 10:30"),
    ],
)
def test_rules_for_subtitles_take_every_form_and_leave_what_looks_like_it(rule, text, expected):
    assert rule(text) == expected
