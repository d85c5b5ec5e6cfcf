import pytest

from babyllama.data.cleaning.english import (
    join_hyphens,
    join_stops,
    join_stops_and_dots,
    read_i_for_l,
    read_initial_l_for_i,
    read_l_for_i,
    remove_cues,
    restore_apostrophes,
)


@pytest.mark.parametrize(
    ("rule", "text", "expected"),
    [
        (join_stops, "it costs .45 a .", "it costs .45 a."),
        (
            join_stops_and_dots,
            'a ! b .45 - . c ?d e ... f ," g ....... h',
            'a! b .45 - . c ?d e... f," g ....... h',
        ),
        (join_hyphens, "A- b 1- c d- E g- h- and i- 3", "A- b 1- c d- E g-h- and i- 3"),
        (
            remove_cues,
            "(she cries) [sighs] *sobs* (sighted) (crisis) [audience cheers]",
            " (sighted) (crisis)",
        ),
        (
            read_i_for_l,
            "ll lf ld ld. ldea lt. ltd lcd lca 'l' lb",
            "ll If ld ld. Idea lt. ltd lcd Ica 'l' lb",
        ),
        (read_i_for_l, "L'm Lf Lt's AL've l", "I'm If It's AL've I"),
        (
            read_l_for_i,
            "McIlroy MacIver abcIt horseIs eIse thatI's aIs auIt sI",
            "McIlroy MacIver abcIt horseIs else thatI's als ault sl",
        ),
        (
            read_l_for_i,
            "teIls fuII AII right AII men BIack 'II XII of",
            "tells full All right AII men Black 'll XII of",
        ),
        (
            read_initial_l_for_i,
            "Iad Iada Iask Iaw Iife Iook Iow Iowa XIove",
            "lad Iada lask law life look low Iowa XIove",
        ),
        (
            restore_apostrophes,
            "\ufffds a\ufffdb, \ufffds 5`s a´b",
            "\ufffds a\ufffdb, \ufffds 5`s a´b",
        ),
    ],
)
def test_rules_for_english_take_every_form_and_leave_what_looks_like_it(rule, text, expected):
    assert rule(text) == expected
