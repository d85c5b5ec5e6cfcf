import os
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_cleaning import clean_text

from babyllama.data.cleaning.domains import CLEANERS
from babyllama.data.raw_text import read_blocks

DATA = os.environ.get("BABYLLAMA_DATA")
needs_data = pytest.mark.skipif(not DATA, reason="BABYLLAMA_DATA names no folder with text/")
DOMAINS = [*CLEANERS, "letters_to_the_editor"]


def paper(text: str, domain: str) -> str:
    return clean_text(text, domain=domain, rules="paper")


@pytest.mark.parametrize(
    ("domain", "raw", "clean"),
    [
        ("aochildes", "where's  the\u00a0 hat ?\n", "where's the hat?\n"),
        ("childes", "*MOT:\tmore soup ?\n", "*MOT: more soup?\n"),
        ("bnc_spoken", "Erm  well .\n\nAye .\n", "Erm well.Aye.\n"),
        ("cbt", "The cow 's milk , did n't I say ?\n", "The cow's milk, did n't I say?\n"),
        ("cbt", "` Run ! ' he said .\n", "` Run! ' he said.\n"),
        ("children_stories", "Once  upon\n\na time .\n", "Once  upon\n\na time .\n"),
        ("gutenberg", "= = = 7 = = =\n\n_Yes_ .\n", "= = = 7 = = =\n\n_Yes_ .\n"),
        ("switchboard", "A:\tUh-huh .\n", "A:\tUh-huh .\n"),
        ("open_subtitles", "Go!\nSUBTITLES by Ann\nI hate subtitles.\nOh.\n", "Go!\nOh.\n"),
        ("open_subtitles", "Go!\nSubtitles by Ann", "Go!\nSubtitles by Ann"),
        ("simple_wikipedia", "One.\n\nTwo.\nThree.\n\n\nFour.", "One.Two.\nThree.\nFour."),
        ("simple_wiki", "One.\n\nTwo.\n", "One.Two.\n"),
        ("wikipedia", "\n= = = Tea = = =\n Hot. \n\nWet.\n", "Tea Hot.Wet."),
        ("wikipedia", "Tea\n", "ea"),
        (
            "qed",
            "WHAT lS THlS? l SEE. \nMr. Hill is ill.\n",
            "What is this? I see.\nMr. Hill is ill.",
        ),
        ("qed", "  (CHEERS) fine\n", "(CHEERS) fine"),
        ("letters_to_the_editor", " Sir ,  \n\n&amp;c.\n", " Sir ,  \n\n&amp;c.\n"),
    ],
)
def test_the_papers_rules_do_what_its_code_does(domain, raw, clean):
    assert paper(raw, domain) == clean


@pytest.mark.parametrize("line", ["...", "(LAUGHTER)", "?!", "()"])
def test_a_line_of_only_punctuation_causes_no_division_by_zero(line):
    assert paper(f"{line}\n", "qed") == line


# From the notebook of timinar/BabyLlama (2023 files) and of JLTastet/BabyLlama-2 (2024).
NOTEBOOK = [
    ("large", "train", "cbt", 2627694, 2554890),
    ("large", "dev", "cbt", 1182610, 1152267),
    ("large", "train", "aochildes", 1900547, 1820547),
    ("large", "dev", "aochildes", 1777198, 1707198),
    ("large", "train", "children_stories", 1797174, 1797174),
    ("large", "dev", "children_stories", 1382334, 1382334),
    ("large", "train", "switchboard", 601050, 601050),
    ("large", "dev", "switchboard", 670013, 670013),
    ("babylm-2024", "train", "switchboard", 719322, 719322),
]


@needs_data
@pytest.mark.parametrize(("release", "split", "domain", "raw", "clean"), NOTEBOOK)
def test_character_counts_of_official_files_match_the_authors_notebook(
    release, split, domain, raw, clean
):
    text = "".join(read_blocks(Path(DATA) / "text" / release / split / f"{domain}.{split}"))

    assert (len(text), len(paper(text, domain))) == (raw, clean)


@settings(deadline=None, max_examples=40)
@given(text=st.text())
def test_no_cleaner_raises_whatever_the_text(text):
    for domain in DOMAINS:
        paper(text, domain)


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("text", ["", " ", "\n\n \n\t\n"])
def test_white_space_becomes_nothing(domain, text):
    assert paper(text, domain).strip() == ""


@settings(deadline=None)
@given(
    lines=st.lists(st.sampled_from(["= = = ", " = = =", "=", " ", "a", "\n", "= "]), max_size=30)
)
def test_the_linear_heading_pattern_finds_what_the_papers_finds(lines):
    text = "".join(lines)
    unwrapped = re.sub(r"= = = (.+?) = = =\n", r"\1", text)
    stripped = "\n".join(line.strip() for line in unwrapped.splitlines())

    assert paper(text, "wikipedia") == stripped[1:].replace("\n\n", "")


@settings(deadline=None, max_examples=60)
@given(
    parts=st.lists(
        st.sampled_from(["subtitle", "SubTITLE", "ſubtıtle", "İ", "a", "\n"]), max_size=9
    )
)
def test_the_same_lines_are_dropped_as_by_the_papers_pattern(parts):
    text = "".join(parts)

    assert paper(text, "open_subtitles") == re.sub(r"(?im)^(?=.*subtitle).*\n", "", text)
