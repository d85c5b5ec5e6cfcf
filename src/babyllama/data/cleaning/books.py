"""Rules for books from Project Gutenberg: what belongs to the edition and not to the text."""

import re

from babyllama.data.cleaning.editing import cut, cut_at_starts, has_any

_NUMBER = re.compile(r"\n= = = (?:PG)?\d+ = = =")
_PICTURE = re.compile(r"\[(?:Illustration|Picture|Sidenote|Music)\b[^\]\n]{0,600}\]")
_STARS = re.compile(r"\*(?<!\S\*)(?:(?<=\n\*)[* ]*(?=\n)| (?=\*)[* ]*(?<=\*)(?=\s))")
_PAGE = re.compile(r"[\[{](?:[Pp]age |[Pp]g\.? ?|p\. ?)[\divxlc]{1,6}[\]}]")
_NUMBER_ALONE = re.compile(r"\n[\[{]?\d{1,4}[\]}]?(?=\n|$)")
_MARK = re.compile(r"(?:\[\d{1,3}\]|\{\d{1,3}\}|\[(?<=[\w.,;:!?\"”’*]\[)[A-H]\])(?![\w(])")
_FOOTNOTE = re.compile(r"\[Footnote(?: [^:\[\]\n]{1,5})?: ([^\[\]\n]*)\]")
_ITALICS = re.compile(r"_(?<!\w_)(?=[^\s_])([^_\n]{1,300})_(?!\w)")
_LIGATURE = re.compile(r"\[([oaOA][eE])\]")
_BAR = re.compile(r"\n\|(?=[A-Z])")
_END = re.compile(r"End of (?:the |this )?Project Gutenberg.*")
_EDITION = re.compile(
    r"\n(?:(?:Produced|Transcribed|E-text prepared|HTML version) by |\*\*\* ?(?:START|END) OF "
    r"|Note: Project Gutenberg also ).*"
)


def remove_book_numbers(text: str) -> str:
    """Remove the heading that is a book's number; a document begins there.

    >>> remove_book_numbers("= = = PG22164 = = =")
    ''
    """
    return cut_at_starts(_NUMBER, text) if "= = = " in text else text


def remove_edition_notes(text: str) -> str:
    """Remove what Project Gutenberg adds at a book's start and end.

    >>> remove_edition_notes("THE END End of Project Gutenberg's A Knight of the White Cross, by")
    'THE END'
    >>> remove_edition_notes("Produced by Judith Boss.  HTML version by Al Haines.")
    ''
    """
    if not has_any(text, "Gutenberg", " by ", "*** "):
        return text
    return cut_at_starts(_EDITION, cut(_END, text))


def remove_pictures(text: str) -> str:
    """Remove the captions of pictures and the places of sheet music.

    >>> remove_pictures("[Illustration: _The mountain lion._] and [Music]")
    ' and'
    """
    return cut(_PICTURE, text) if "[" in text else text


def remove_rows_of_stars(text: str) -> str:
    """Remove the stars between sections.

    >>> remove_rows_of_stars("*       *       *       *       *")
    ''
    >>> remove_rows_of_stars("and he was gone. * * * * * Some days later a young man stepped")
    'and he was gone. Some days later a young man stepped'
    """
    return cut(_STARS, f"\n{text}\n")[1:-1] if "*" in text else text


def remove_page_numbers(text: str) -> str:
    """Remove page numbers in brackets, and numbers alone on a line.

    >>> remove_page_numbers("the Squire [Pg 12] said. [Page xiv]")
    'the Squire said.'
    >>> remove_page_numbers("03")
    ''
    """
    if has_any(text, "[", "{"):
        text = cut(_PAGE, text)
    return cut_at_starts(_NUMBER_ALONE, text)


def remove_note_marks(text: str) -> str:
    """Remove the numbers and letters of footnotes.

    >>> remove_note_marks('Marcus Whitman\\'s "Ride for Oregon"[A]--that daring trip.{2} It')
    'Marcus Whitman\\'s "Ride for Oregon"--that daring trip. It'
    >>> remove_note_marks("came in to him [528] and said")
    'came in to him and said'
    """
    return cut(_MARK, text) if has_any(text, "[", "{") else text


def unwrap_footnotes(text: str) -> str:
    """Keep the text of a footnote without its brackets and number.

    >>> unwrap_footnotes("[Footnote 2: See Dr. Dunn's Family Physician and Horse Doctor.]")
    "See Dr. Dunn's Family Physician and Horse Doctor."
    """
    return _FOOTNOTE.sub(r"\1", text) if "[F" in text else text


def unmark_italics(text: str) -> str:
    """Remove the underscores around words in italics.

    >>> unmark_italics("I tell you, I _am_ a wolf! snake_case_name")
    'I tell you, I am a wolf! snake_case_name'
    """
    return _ITALICS.sub(r"\1", text) if "_" in text else text


def join_ligatures(text: str) -> str:
    """Write the letters of ligatures without brackets.

    >>> join_ligatures("after he had been man[oe]uvring a few times.")
    'after he had been manoeuvring a few times.'
    """
    return _LIGATURE.sub(r"\1", text) if "[" in text else text


def remove_bars(text: str) -> str:
    """Remove the bar before the first words of a chapter.

    >>> remove_bars("|MARILLA went to town the next day")
    'MARILLA went to town the next day'
    """
    return cut_at_starts(_BAR, text) if "|" in text else text
