import doctest
import os
import signal
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from plain_cleaning import clean_text

from babyllama.data.cleaning.characters import CHARACTERS, end_lines, undo_mojibake
from babyllama.data.cleaning.domains import CLEANERS, CODE, NEUTRAL, ONLY_ENGLISH
from babyllama.data.raw_text import read_blocks
from babyllama.data.sources import read_split

DATA = os.environ.get("BABYLLAMA_DATA")
needs_data = pytest.mark.skipif(not DATA, reason="BABYLLAMA_DATA names no folder with text/")

DOMAINS = [*CLEANERS, "letters_to_the_editor"]
ALL_RULES = (
    end_lines,
    *CHARACTERS,
    *(
        rule
        for each in (*CLEANERS.values(), NEUTRAL, CODE)
        for rule in (*each.across, *each.thorough)
    ),
)
RULES = {rule.__name__: rule for rule in ALL_RULES}


def thorough(text: str, domain: str, language: str = "en") -> str:
    return clean_text(text, domain=domain, rules="thorough", language=language)


@pytest.mark.parametrize("name", RULES)
def test_the_example_of_a_rule_from_a_real_corpus_is_what_it_does(name):
    rule = RULES[name]
    finder, runner = doctest.DocTestFinder(recurse=False), doctest.DocTestRunner(verbose=False)
    [examples] = finder.find(rule, globs=vars(sys.modules[rule.__module__]))
    assert examples.examples, "a rule shows what it does"

    assert runner.run(examples).failed == 0


def test_a_rule_has_a_name_of_its_own_and_a_sentence_for_the_report():
    assert len(RULES) == len(set(ALL_RULES))
    assert all(rule.__doc__.strip().partition("\n\n")[0].endswith(".") for rule in ALL_RULES)


# Domains


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
        ("cbt", "' Oh , ' he said .\n", "'Oh,' he said.\n"),
        ("cbt", "The End .\n_BOOK_TITLE_ : A.txt\nOnce .\n", "The End.\n\nOnce.\n"),
        ("childes", "*MOT:\tdon('t) [points] go .\n", "don't go.\n"),
        ("switchboard", "B:\tI agree . *listen; is 'degree'\n", "I agree.\n"),
        ("open_subtitles", ">> lt\ufffds I'II, 'WeIcome' .\n", "It's I'll, 'Welcome'.\n"),
        ("open_subtitles", "I\x92m Iate, l know !\nEmcee:\n", "I’m late, I know!\n"),
        ("qed", "(Dog barking) Take LEGO.\n[Music]\n", "Take LEGO.\n"),
        ("gutenberg", "A heart- broken cry.[3] [Page 7]\n12\n", "A heart-broken cry.\n"),
        ("simple_wiki", "Lien (Chinese: \ufffd\ufffd; born 1936)[1] is\n", "Lien (born 1936) is\n"),
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
        (
            "gutenberg",
            "= = = PG7 = = =\n|ANN man[oe]uvred.\n[Footnote 2: So.]\nEnd of Project Gutenberg's\n",
            "ANN manoeuvred.\nSo.\n",
        ),
        ("open_subtitles", "# La la #\n*coughs* Hm.\n. ,\n", "La la\nHm.\n"),
        ("open_subtitles", "Th e y kn ow , g i ve me tha t .\nHm.\n", "Hm.\n"),
        ("qed", "♪ La la <laughter>\n. ,\n", "La la\n"),
        ("cbt", "The End .\n* * *\n[Illustration: A hat]\n", "The End.\n"),
        ("bnc_spoken", "A: Well .\n. ,\n", "Well.\n"),
        ("wikipedia", '* Tea (Greek:, "te"), hot , is', 'Tea (Greek: "te"), hot, is\n'),
        ("wikipedia", "a {\\displaystyle x} [[Category:Tea]]\n!T||1\nformula_2\n", "a\n"),
        ("wikipedia", "茶（頁面存檔備份，存於網際網路檔案館）\n", "茶\n"),
        ("wikipedia", "Tea (; ) is hot.<br>It is (very) wet.\n", "Tea is hot. It is (very) wet.\n"),
        ("letters_to_the_editor", "a &lt;b&gt;bold&lt;/b&gt; man\n", "a bold man\n"),
        ("letters_to_the_editor", "<h2>Tea</h2>\n", "Tea\n"),
        ("letters_to_the_editor", "if a < b and c > d &amp; e\n", "if a < b and c > d & e\n"),
        ("letters_to_the_editor", "AT&T; &noentity; &amp;quot;\n", 'AT&T; &noentity; "\n'),
        ("letters_to_the_editor", "cafe\u0301\u00ad\ufeff\x07 \u00a0\n", "café\n"),
        ("letters_to_the_editor", "[sic] (laughter) - yes :\n", "[sic] (laughter) - yes :\n"),
    ],
)
def test_the_thorough_rules_leave_what_a_reader_would_write(domain, raw, clean):
    assert thorough(raw, domain) == clean


# Captions of talks have no headings.
@pytest.mark.parametrize("domain", [domain for domain in DOMAINS if domain != "qed"])
def test_a_heading_starts_a_document_and_stays_as_its_title(domain):
    raw = "= = = Tea = = =\nHot.\nWet.\n= = = Ice = = =\n\nCold.\n"

    assert thorough(raw, domain) == "Tea\nHot.\nWet.\n\nIce\nCold.\n"


def test_a_heading_that_is_a_file_name_only_starts_a_document():
    raw = "= = = childes/a.cha = = =\n= = = childes/b.cha = = =\n*CHI:\tmore!\n*MOT:\tno.\n"

    assert thorough(raw + raw, "childes") == "more!\nno.\n\nmore!\nno.\n"


def test_a_heading_without_text_is_a_document():
    assert thorough("= = = A = = =\n\n= = = B = = =\n\nx\n", "unknown") == "A\n\nB\nx\n"


@pytest.mark.parametrize("text", ["= = = = a = = = =\n", "= = = a = = = = =\n"])
def test_other_signs_than_three_are_no_heading(text):
    assert thorough(text, "unknown") == text


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


# Other languages


@pytest.mark.parametrize(
    ("domain", "text"),
    [
        ("open_subtitles", "(Ich weiß nicht, ob das geht.)\nDA IST ER: lch komme .\n"),
        ("open_subtitles", "Untertitel von ARD: Musik\nQuoi ?\n"),
        ("qed", "ANNA WEBER: WAS IST DAS?\n(lachen)\n"),
        ("bnc_spoken", "Ja , das ist (laut) so .\n"),
        ("wikipedia", "Er wurde , 1900 geboren .\n"),
    ],
)
def test_no_rule_for_english_touches_another_language(domain, text):
    assert thorough(text, domain, "de") == text


def test_rules_for_signs_hold_in_every_language():
    raw = "- (Tür knallt) Ja.\n♪ La la ♪\n[Musik]\n&quot;Nein&quot;\n"

    assert thorough(raw, "open_subtitles", "de") == 'Ja.\nLa la\n"Nein"\n'


def test_no_rule_for_english_is_left_for_another_language():
    for cleaner in CLEANERS.values():
        assert not ONLY_ENGLISH & set(cleaner.rules_for("zh"))
        assert set(cleaner.rules_for("zh")) | ONLY_ENGLISH >= set(cleaner.thorough)


@needs_data
@pytest.mark.parametrize(("release", "language"), [("german", "de"), ("chinese", "zh")])
def test_no_letter_of_real_german_or_chinese_prose_is_lost(release, language):
    for each in read_split(Path(DATA) / "text" / release, "dev"):
        if each.name == "open_subtitles":
            continue  # its cues and speaker names are removed on purpose
        text = "".join(read_blocks(each.path)).replace("（頁面存檔備份，存於網際網路檔案館）", "")
        before = [c for c in unicodedata.normalize("NFC", text) if c.isalpha()]

        assert [c for c in thorough(text, each.name, language) if c.isalpha()] == before


# Laws

SOME = 150_000  # characters of each real file


@needs_data
@pytest.mark.parametrize("release", ["essay", "babylm-2024"])
def test_cleaned_real_text_has_none_of_the_mark_up_that_the_rules_name(release):
    dirt = ("&#39;", "&quot;", "<i>", "[laughter]", "(Laughter)", "*CHI:", "A:\t", "= = =", "xxx ")
    for each in read_split(Path(DATA) / "text" / release, "train"):
        cleaned = thorough("".join(read_blocks(each.path))[:SOME], each.name)

        assert [found for found in dirt if found in cleaned] == []
        assert "  " not in cleaned
        assert "\n\n\n" not in cleaned
        assert thorough(cleaned, each.name) == cleaned


# Separated by "|": words; blanks, stops and quotes; brackets and mark-up; full lines.
PIECES = (
    "word|Word|WORD|l|don't|do n't|ß|字|A:|*CHI:\t|- |-|♪|#|xxx|lt's|wiII|\ufffd|\u200b|Â£|12"
    "| |  |\u00a0|\n|\n\n|.| .|,|?|'| ' |` |``| ''|-LRB-|formula_1|[1]|[A]|||_BOOK_TITLE_ : x"
    "|(|)|[|]|{|}|<i>|</i>|<br>|&#39;|&amp;|&lt;|&am|p;|*|_|=|[Music]|(Laughter)|\u00ad"
    "|= = = Title = = =|\n= = = 7 = = =\n|Translator: Ann|www.a.org|Subtitles by Ann"
    "|{\\displaystyle"
)
MIXTURES = st.lists(st.sampled_from(PIECES.split("|"))).map("".join)


@pytest.mark.parametrize("domain", DOMAINS)
@settings(deadline=None, max_examples=15)
@given(text=MIXTURES, language=st.sampled_from(["en", "zh"]))
def test_clean_text_has_its_promised_shape_and_is_not_changed_by_cleaning_again(
    domain, text, language
):
    cleaned = thorough(text, domain, language)

    if cleaned:
        documents = cleaned.removesuffix("\n").split("\n\n")
        lines = [line for document in documents for line in document.split("\n")]
        assert cleaned.endswith("\n")
        assert all(line and line == line.strip() and "  " not in line for line in lines)
    assert thorough(cleaned, domain, language) == cleaned


@settings(deadline=None, max_examples=50)
@given(text=st.text())
def test_no_rule_raises_whatever_the_text(text):
    for rule in RULES.values():
        rule(text)


@settings(deadline=None)
@given(text=st.text(st.characters(exclude_characters="&<=\ufffd", exclude_categories=["Cs", "Cc"])))
def test_prose_keeps_every_letter_in_order(text):
    assume(undo_mojibake(text) == text)
    kept = [c for c in unicodedata.normalize("NFC", text) if c.isalpha()]
    assert [c for c in thorough(text, "unknown") if c.isalpha()] == kept


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("text", ["", " ", "\n\n \n\t\n"])
def test_white_space_becomes_nothing(domain, text):
    assert thorough(text, domain) == ""


@pytest.fixture
def stopped_if_endless():
    """Fail after 30 s of computing, inside the pattern; waiting for the processor does not count.

    A linear rule takes milliseconds for 60,000 characters, a quadratic one minutes for all pieces.
    """

    def fail(_signal, _frame):
        pytest.fail("cleaning takes more than linear time")

    before = signal.signal(signal.SIGVTALRM, fail)
    signal.setitimer(signal.ITIMER_VIRTUAL, 30)
    yield
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    signal.signal(signal.SIGVTALRM, before)


SLOW = (
    "(|[|{|<|&amp;|*|* |= = = a |subtitle|\n#|A. |[Picture |[Footnote 1: |a/|, |\ufffd |I|- |_a |l "
    "|||!|: |{\\displaystyle |%abc:|don(|``|formula_1 |a@b.c www.|\u3000|\u200b|Ã©"
)


@pytest.mark.usefixtures("stopped_if_endless")
@pytest.mark.parametrize("piece", SLOW.split("|"))
def test_time_is_linear_on_text_made_to_be_slow(piece):
    text = f"x{(piece or '|') * (60_000 // len(piece or '|'))}x"
    for rule in RULES.values():
        rule(text)
    for domain in ("cbt", "open_subtitles"):
        thorough(text, domain)
