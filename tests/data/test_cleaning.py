import os
import re
import signal
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from babyllama.data.cleaning import CLEANERS, clean_text
from babyllama.data.raw_text import read_blocks
from babyllama.data.sources import read_split

DATA = os.environ.get("BABYLLAMA_DATA")
needs_data = pytest.mark.skipif(not DATA, reason="BABYLLAMA_DATA names no folder with text/")

DOMAINS = [*CLEANERS, "letters_to_the_editor"]


def paper(text: str, domain: str) -> str:
    return clean_text(text, domain=domain, rules="paper")


def thorough(text: str, domain: str) -> str:
    return clean_text(text, domain=domain, rules="thorough")


# The paper's rules


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


# The thorough rules


@pytest.mark.parametrize(
    ("domain", "raw", "clean"),
    [
        ("aochildes", "where's the hat ?\n", "where's the hat?\n"),
        ("childes", "*MOT:\tsee the xxx duck?\n[points]\n*CHI:\txxx.\n", "see the duck?\n"),
        ("childes", "*CHI:\tduck! %act: points at it\n[laughter]\n", "duck!\n"),
        ("switchboard", "A:\tWell, uh , yes.\nB:\t<laughter> No.\n", "Well, uh, yes.\nNo.\n"),
        ("bnc_spoken", "I seen  him (laughter) .\n", "I seen him.\n"),
        ("cbt", "` Nonsense ! ' she said .\n", "'Nonsense!' she said.\n"),
        ("cbt", "`` Do n't , '' said the cow 's son .\n", "\"Don't,\" said the cow's son.\n"),
        ("cbt", "`` He cried , ` Stop ! ' ''\n", "\"He cried, 'Stop!'\"\n"),
        ("cbt", "Take it -LRB- the red one -RRB- .\n", "Take it (the red one).\n"),
        ("cbt", "`` Go .\n'' And he went .\n", '"Go."\nAnd he went.\n'),
        ("cbt", "I saw 'em at tea .\n", "I saw 'em at tea.\n"),
        ("open_subtitles", "- Hello.\n-Oh.\n- JOAN: Hi.\n", "Hello.\nOh.\nHi.\n"),
        ("open_subtitles", "<i>Run!</i>\n[door slams]\n(Coughs) Hm.\n", "Run!\nHm.\n"),
        ("open_subtitles", "(Ann) No (I swear, no). (car horn) Hm.\n", "No (I swear, no). Hm.\n"),
        ("open_subtitles", "♪ La la ♪\n{\\an8}Look!\n", "La la\nLook!\n"),
        (
            "open_subtitles",
            "Subtitles by Ann\nRipped by Bob\nI read subtitles.\n",
            "I read subtitles.\n",
        ),
        ("open_subtitles", "What the--\n-- ever.\n", "What the--\n-- ever.\n"),
        ("qed", "Translator: Ann\n\nReviewer: Bob\nIt&#39;s late.\n(Laughter)\n", "It's late.\n"),
        ("qed", "KL: Yes.\nAnn Lee: No.\nThe Answer: No.\n", "Yes.\nNo.\nThe Answer: No.\n"),
        ("qed", "WE DlD lT. HURRAY!\nNASA\n", "We did it. Hurray!\nNASA\n"),
        (
            "gutenberg",
            "= = = 7 = = =\nI _said_ so.\n*  *  *\n[Illustration: A hat]\n",
            "I said so.\n",
        ),
        ("gutenberg", "snake_case_name\n", "snake_case_name\n"),
        ("wikipedia", "Tea (; ) is hot.<br>It is (very) wet.\n", "Tea is hot. It is (very) wet.\n"),
        ("letters_to_the_editor", "a &lt;b&gt;bold&lt;/b&gt; man\n", "a bold man\n"),
        ("letters_to_the_editor", "if a < b and c > d &amp; e\n", "if a < b and c > d & e\n"),
        ("letters_to_the_editor", "AT&T; &noentity; &amp;quot;\n", 'AT&T; &noentity; "\n'),
        ("letters_to_the_editor", "cafe\u0301\u00ad\ufeff\x07 \u00a0\n", "café\n"),
        ("letters_to_the_editor", "[sic] (laughter) - yes :\n", "[sic] (laughter) - yes :\n"),
    ],
)
def test_the_thorough_rules_leave_what_a_reader_would_write(domain, raw, clean):
    assert thorough(raw, domain) == clean


FORMAT = [chr(code) for code in range(0x11000) if unicodedata.category(chr(code)) in ("Cc", "Cf")]
# Spaces and joiners without width, operators of formulas; signs that a reader sees.
KEPT = "\u200b\u200c\u200d\u2061\u2062\u2063\u2064\u180e"
SIGNS = ("ARABIC", "SYRIAC", "KAITHI")


def stays(character: str) -> bool:
    is_sign = unicodedata.name(character, "").startswith(SIGNS) and character != "\u061c"
    return character in KEPT or is_sign


@pytest.mark.parametrize("character", FORMAT, ids=lambda character: f"{ord(character):04x}")
def test_control_and_direction_characters_are_removed_or_end_a_line(character):
    if stays(character):
        expected = f"nine{character}ten\n"
    elif character == "\t":
        expected = "nine ten\n"
    elif len(f"a{character}b".splitlines()) > 1:
        expected = "nine\nten\n"
    else:
        expected = "nineten\n"

    assert thorough(f"nine{character}ten", "unknown") == expected


@pytest.mark.parametrize("domain", ["gutenberg", "simple_wiki", "wikipedia", "unknown"])
def test_a_heading_starts_a_document_and_stays_as_its_title(domain):
    raw = "= = = Tea = = =\nHot.\nWet.\n= = = Ice = = =\n\nCold.\n"

    assert thorough(raw, domain) == "Tea\nHot.\nWet.\n\nIce\nCold.\n"


def test_a_heading_that_is_a_file_name_only_starts_a_document():
    raw = "= = = childes/a.cha = = =\n= = = childes/b.cha = = =\n*CHI:\tmore!\n*MOT:\tno.\n"

    assert thorough(raw + raw, "childes") == "more!\nno.\n\nmore!\nno.\n"


def test_a_year_may_be_the_title_of_an_article():
    assert thorough("= = = 1984 = = =\nA novel.\n", "simple_wiki") == "1984\nA novel.\n"


@pytest.mark.parametrize("domain", DOMAINS)
def test_blank_lines_separate_documents_and_never_join_words(domain):
    assert thorough("\n\nFirst one\n \n\nsecond one\n", domain) == "First one\n\nsecond one\n"


def test_a_removed_line_makes_no_new_document():
    assert thorough("Yes.\n[sighs]\nNo.\n", "open_subtitles") == "Yes.\nNo.\n"


def test_two_blank_lines_separate_talks_if_a_text_has_them():
    raw = "One\n\nstill one\n\n\nTwo\n\nTranslator: Ann\nThree\n"

    assert thorough(raw, "qed") == "One\nstill one\n\nTwo\n\nThree\n"


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize(
    "text",
    [
        "Größe heißt »Maß«, sagte er – „ja, süß“.\n",
        "他說：「今天（星期一）很好！」，是嗎？\u3000是。\n",
        "«Вот так!» — сказала она…\n",
        "می\u200cخواهم\n",
    ],
)
def test_other_languages_and_their_punctuation_are_unchanged(domain, text):
    assert thorough(text, domain) == text


@needs_data
@pytest.mark.parametrize("release", ["german", "chinese"])
@pytest.mark.parametrize("split", ["train", "dev"])
def test_no_letter_of_real_german_or_chinese_prose_is_lost(release, split):
    for each in read_split(Path(DATA) / "text" / release, split):
        if each.name == "open_subtitles":
            continue  # its cues and speaker names are removed on purpose
        text = "".join(read_blocks(each.path))
        before = [c for c in unicodedata.normalize("NFC", text) if c.isalpha()]

        assert [c for c in thorough(text, each.name) if c.isalpha()] == before


@needs_data
@pytest.mark.parametrize("release", ["essay", "babylm-2024"])
def test_cleaned_real_text_has_none_of_the_mark_up_that_the_rules_name(release):
    dirt = ("&#39;", "&quot;", "<i>", "[laughter]", "(Laughter)", "*CHI:", "A:\t", "= = =", "xxx ")
    for each in read_split(Path(DATA) / "text" / release, "train"):
        cleaned = thorough("".join(read_blocks(each.path)), each.name)

        assert [found for found in dirt if found in cleaned] == []
        assert "  " not in cleaned
        assert "\n\n\n" not in cleaned
        assert thorough(cleaned, each.name) == cleaned


# Laws of every cleaner

# Separated by "|": words; blanks, stops and quotes; brackets and mark-up; full lines.
PIECES = (
    "word|Word|WORD|l|don't|do n't|ß|字|A:|*CHI:\t|- |-|♪|#|xxx"
    "| |  |\u00a0|\n|\n\n|.| .|,|?|'| ' |` |``| ''|-LRB-"
    "|(|)|[|]|{|}|<i>|</i>|<br>|&#39;|&amp;|&lt;|*|_|=|[Music]|(Laughter)"
    "|= = = Title = = =|\n= = = 7 = = =\n|Translator: Ann"
)
MIXTURES = st.lists(st.sampled_from(PIECES.split("|"))).map("".join)


@pytest.mark.parametrize("rules", ["paper", "thorough"])
@pytest.mark.parametrize("domain", DOMAINS)
@settings(deadline=None, max_examples=60)
@given(text=st.one_of(st.text(), MIXTURES))
def test_no_cleaner_raises_whatever_the_text(domain, rules, text):
    clean_text(text, domain=domain, rules=rules)


@pytest.mark.parametrize("domain", DOMAINS)
@settings(deadline=None, max_examples=60)
@given(text=MIXTURES)
def test_thorough_text_has_its_promised_shape(domain, text):
    cleaned = thorough(text, domain)

    if cleaned:
        documents = cleaned.removesuffix("\n").split("\n\n")
        lines = [line for document in documents for line in document.split("\n")]
        assert cleaned.endswith("\n")
        assert all(line and line == line.strip() and "  " not in line for line in lines)


@pytest.mark.parametrize("domain", ["children_stories", "aochildes", "switchboard"])
@settings(deadline=None)
@given(words=st.lists(st.sampled_from(["word", "ß", "字", ".", "?", "\n", "\n\n", " ", "  ", ","])))
def test_cleaning_clean_text_changes_nothing(domain, words):
    once = thorough("".join(words), domain)

    assert thorough(once, domain) == once


@settings(deadline=None)
@given(text=st.text(st.characters(exclude_characters="&<=", exclude_categories=["Cs", "Cc"])))
def test_prose_keeps_every_letter_in_order(text):
    kept = [c for c in unicodedata.normalize("NFC", text) if c.isalpha()]
    assert [c for c in thorough(text, "unknown") if c.isalpha()] == kept


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("text", ["", " ", "\n\n \n\t\n"])
def test_white_space_becomes_nothing(domain, text):
    assert thorough(text, domain) == ""
    assert paper(text, domain).strip() == ""


@pytest.fixture
def stopped_if_endless():
    """Fail after 30 s of computing, inside the pattern; waiting for the processor does not count.

    On 300,000 characters a linear pattern takes below one second, a quadratic one minutes.
    """

    def fail(_signal, _frame):
        pytest.fail("cleaning takes more than linear time")

    before = signal.signal(signal.SIGVTALRM, fail)
    signal.setitimer(signal.ITIMER_VIRTUAL, 30)
    yield
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    signal.signal(signal.SIGVTALRM, before)


@pytest.mark.usefixtures("stopped_if_endless")
@pytest.mark.parametrize("rules", ["paper", "thorough"])
@pytest.mark.parametrize("domain", ["cbt", "childes", "open_subtitles", "qed", "wikipedia"])
@pytest.mark.parametrize(
    "piece", ["(", "[", "<", "&amp;", "*", "= = = a ", "subtitle", "\n#", "A. "]
)
def test_time_is_linear_on_text_made_to_be_slow(domain, rules, piece):
    clean_text(piece * (300_000 // len(piece)), domain=domain, rules=rules)


@settings(deadline=None)
@given(
    lines=st.lists(st.sampled_from(["= = = ", " = = =", "=", " ", "a", "\n", "= "]), max_size=30)
)
def test_the_linear_heading_pattern_finds_what_the_papers_finds(lines):
    text = "".join(lines)
    unwrapped = re.sub(r"= = = (.+?) = = =\n", r"\1", text)
    stripped = "\n".join(line.strip() for line in unwrapped.splitlines())

    assert paper(text, "wikipedia") == stripped[1:].replace("\n\n", "")
