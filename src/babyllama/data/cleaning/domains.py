"""Which rules clean which domain, and the rules that are for English alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from babyllama.data.cleaning import (
    books,
    english,
    paper,
    subtitles,
    talks,
    transcripts,
    treebank,
    wiki,
)
from babyllama.data.cleaning.applying import Rule, Watch, clean_lines
from babyllama.data.cleaning.characters import CHARACTERS
from babyllama.data.cleaning.code import remove_trailing_space
from babyllama.data.cleaning.layout import unwrap_headings
from babyllama.recipe.text import ENGLISH

CleaningRules = Literal["paper", "thorough"]

# Rules that are applied to English text alone.
ONLY_ENGLISH: frozenset[Rule] = frozenset(
    {
        english.join_stops,
        english.join_stops_and_dots,
        english.join_hyphens,
        english.remove_cues,
        english.read_i_for_l,
        english.read_l_for_i,
        english.read_initial_l_for_i,
        english.restore_apostrophes,
        english.lower_shouting,
        subtitles.remove_credits,
        subtitles.remove_speaker_names,
        subtitles.drop_broken_words,
        talks.remove_talkers,
        treebank.join_clitics,
        treebank.join_brackets_and_stops,
        treebank.plain_quotes,
        wiki.join_commas,
    }
)


@dataclass(frozen=True)
class Cleaner:
    """How a domain is cleaned.

    Attributes:
        paper: takes a full file.
        thorough: rules in their order. They take a document, after the rules for characters.
        across: rules that look across lines, applied to plain text before its documents are found.
        wide_gaps: whether two blank lines separate documents where a text has them.
    """

    paper: Callable[[str], str]
    thorough: tuple[Rule, ...]
    across: tuple[Rule, ...] = ()
    wide_gaps: bool = False

    def rules_for(self, language: str) -> tuple[Rule, ...]:
        """Those of the thorough rules that suit a language."""
        if language == ENGLISH:
            return self.thorough
        return tuple(rule for rule in self.thorough if rule not in ONLY_ENGLISH)


_CHILDES = (
    transcripts.remove_file_names,
    transcripts.remove_speaker_tags,
    transcripts.remove_comments,
    transcripts.remove_tiers,
    transcripts.remove_unclear_words,
    transcripts.complete_words,
    english.join_stops,
    transcripts.drop_stray_punctuation,
    unwrap_headings,
)
_CONVERSATION = (
    transcripts.remove_speaker_letters,
    english.remove_cues,
    english.join_stops,
    transcripts.drop_stray_punctuation,
    unwrap_headings,
)
_SUBTITLES = (
    subtitles.remove_credits,
    english.restore_apostrophes,
    english.remove_cues,
    subtitles.remove_brackets,
    subtitles.remove_parentheses,
    subtitles.remove_music_signs,
    subtitles.remove_song_marks,
    subtitles.remove_speaker_changes,
    subtitles.remove_dialogue_dashes,
    subtitles.remove_speaker_names,
    english.read_i_for_l,
    english.read_l_for_i,
    english.read_initial_l_for_i,
    subtitles.drop_broken_words,
    english.join_stops_and_dots,
    transcripts.drop_stray_punctuation,
    unwrap_headings,
)
_TALKS = (
    talks.remove_talk_credits,
    english.remove_cues,
    talks.remove_talk_cues,
    subtitles.remove_music_signs,
    talks.remove_talkers,
    english.lower_shouting,
    transcripts.drop_stray_punctuation,
    unwrap_headings,
)
_BOOKS = (
    books.remove_book_numbers,
    books.remove_edition_notes,
    books.remove_pictures,
    books.remove_rows_of_stars,
    books.remove_page_numbers,
    books.join_ligatures,
    books.remove_note_marks,
    books.unwrap_footnotes,
    books.unmark_italics,
    books.remove_bars,
    english.join_hyphens,
    unwrap_headings,
)
_TREEBANK = (
    treebank.restore_brackets,
    books.remove_pictures,
    books.remove_rows_of_stars,
    treebank.join_clitics,
    treebank.join_brackets_and_stops,
    treebank.plain_quotes,
    unwrap_headings,
)
_WIKI = (
    wiki.remove_categories,
    wiki.remove_tex,
    wiki.remove_cells,
    wiki.drop_formulas,
    wiki.remove_references,
    wiki.remove_lost_labels,
    wiki.remove_empty_parentheses,
    wiki.remove_archive_notes,
    wiki.remove_bullets,
    wiki.join_commas,
    unwrap_headings,
)

NEUTRAL = Cleaner(paper.paper_unchanged, (unwrap_headings,))
CODE = Cleaner(paper.paper_unchanged, (remove_trailing_space,))

CLEANERS = {
    "aochildes": Cleaner(paper.paper_spaces, _CHILDES),
    "bnc_spoken": Cleaner(paper.paper_bnc_spoken, _CONVERSATION),
    "cbt": Cleaner(
        paper.paper_cbt, _TREEBANK, across=(treebank.separate_books, treebank.move_closing_quotes)
    ),
    "childes": Cleaner(paper.paper_spaces, _CHILDES),
    "children_stories": Cleaner(paper.paper_unchanged, _BOOKS),
    "gutenberg": Cleaner(paper.paper_unchanged, _BOOKS),
    "open_subtitles": Cleaner(paper.paper_open_subtitles, _SUBTITLES),
    "qed": Cleaner(paper.paper_qed, _TALKS, wide_gaps=True),
    "simple_wiki": Cleaner(paper.paper_blank_lines, _WIKI),
    "simple_wikipedia": Cleaner(paper.paper_blank_lines, _WIKI),
    "switchboard": Cleaner(paper.paper_unchanged, (transcripts.remove_annotations, *_CONVERSATION)),
    "wikipedia": Cleaner(paper.paper_wikipedia, _WIKI),
}


def cleaner_for(domain: str) -> Cleaner:
    """The cleaner of a domain: neutral if none has its name; of any `code_...`, that of code."""
    return CODE if domain.startswith("code_") else CLEANERS.get(domain, NEUTRAL)


def clean_documents(
    documents: Sequence[str], cleaner: Cleaner, language: str, watch: Watch | None = None
) -> list[str]:
    """Apply a domain's rules to documents of plain text, to all at once, since most are short.

    Returns:
        the documents without empty lines; some may be empty.
    """
    rules = cleaner.rules_for(language)
    lines = clean_lines("\n".join(documents), rules, again=CHARACTERS, watch=watch)
    cleaned, end = [], 0
    for document in documents:
        start, end = end, end + document.count("\n") + 1
        cleaned.append("\n".join([line for line in lines[start:end] if line]))
    return cleaned
