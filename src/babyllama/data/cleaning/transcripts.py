"""Rules for transcripts of speech: CHILDES in its CHAT format, the BNC, Switchboard."""

import re

from babyllama.data.cleaning.editing import cut, cut_at_starts, has_any

_FILE_NAME = re.compile(r"\n= = = [^\s/]{1,60}(?:/[^\s/]{1,60}){1,9} = = =")
_SPEAKER = re.compile(r"\n\*[A-Z0-9]{1,8}:[ \t]?")
_COMMENT = re.compile(r"\[[^\[\]\n]*\]")
_TIER = re.compile(r"%[a-z]{3}:.*")
_UNCLEAR = re.compile(r"x(?<!\wx)xx?\b")
_UNWRITTEN = re.compile(r"\b(?:yyy|[brs]?www)\b")
_COMPLETION = re.compile(
    r"\((?:(?<=[a-z]\()|(?=[a-z'’]{1,10}\)[a-z]))([a-z'’]{1,10})\)", re.IGNORECASE
)
_LETTER = re.compile(r"\n[A-Z]:(?: |(?=\n|$))")
_NOTE = re.compile(r"\*.*")
_STRAY = re.compile(r"\n(?:[ .,:;!?—-]+(?=\n|$)|[ ,]+)")


def remove_file_names(text: str) -> str:
    """Remove the heading that names a transcript's file; a document begins there.

    >>> remove_file_names("= = = childes/CHILDES_NA/Haggerty/haggerty.cha = = =")
    ''
    """
    return cut_at_starts(_FILE_NAME, text) if "= = = " in text else text


def remove_speaker_tags(text: str) -> str:
    r"""Remove who speaks.

    >>> remove_speaker_tags("*CHI:\tHelen wants something around her.")
    'Helen wants something around her.'
    """
    return cut_at_starts(_SPEAKER, text)


def remove_comments(text: str) -> str:
    """Remove what the transcriber says in brackets.

    >>> remove_comments("[Helen is upstairs in bed. Her father goes upstairs after her.]")
    ''
    >>> remove_comments("haha [giggles]. [gasp], mm.")
    'haha., mm.'
    """
    return cut(_COMMENT, text) if "[" in text else text


def remove_tiers(text: str) -> str:
    """Remove coding tiers, such as who is addressed.

    >>> remove_tiers("actually can you come back in one minute? %add: BRO")
    'actually can you come back in one minute?'
    """
    return cut(_TIER, text) if "%" in text else text


def remove_unclear_words(text: str) -> str:
    """Remove the signs for what the transcriber did not understand or write down.

    >>> remove_unclear_words("oh there's xxx people. and what have you got for Nana rwww")
    "oh there's people. and what have you got for Nana"
    """
    if has_any(text, "yyy", "www"):
        text = cut(_UNWRITTEN, text)
    return cut(_UNCLEAR, text) if "xx" in text else text


def complete_words(text: str) -> str:
    """Write a shortened word in full, as its transcriber did in parentheses.

    >>> complete_words("that's the big pay back you('ve) been tryin' to make me talk. (be)cause")
    "that's the big pay back you've been tryin' to make me talk. because"
    """
    return _COMPLETION.sub(r"\1", text) if "(" in text else text


def remove_speaker_letters(text: str) -> str:
    """Remove the letter of the speaker.

    >>> remove_speaker_letters("A: Well, you all have a nice day there.")
    'Well, you all have a nice day there.'
    """
    return cut_at_starts(_LETTER, text)


def remove_annotations(text: str) -> str:
    """Remove a transcriber's note after a star, up to the end of the line.

    >>> remove_annotations("On a like that's not a bad size fish. *listen; transcript should")
    "On a like that's not a bad size fish."
    """
    return cut(_NOTE, text) if "*" in text else text


def drop_stray_punctuation(text: str) -> str:
    """Drop the punctuation of lines without words, and commas that start a line.

    >>> drop_stray_punctuation(". ,")
    ''
    >>> drop_stray_punctuation(", mm.")
    'mm.'
    """
    return cut_at_starts(_STRAY, text)
