"""Rules for text tokenised as in the Penn Treebank (the Children's Book Test)."""

import re

from babyllama.data.cleaning.editing import has_any

_BRACKETS = {
    "-LRB-": "(",
    "-RRB-": ")",
    "-LSB-": "[",
    "-RSB-": "]",
    "-LCB-": "{",
    "-RCB-": "}",
}
_BRACKET = re.compile(r"-[LR][RSC]B-")
_BOOK = re.compile(r"\n_BOOK_TITLE_ ?:.*")
_CLOSING = re.compile(r"\n(?<=[^\n]\n)(''?(?: ''?)*)(?: |(?=\n)|$)")
_CLITIC = re.compile(r"(?i) '(?<=\w ')(?=(?:s|ll|m|d|ve|re)\b)")
_TIS = re.compile(r"(?i)'t (?<!\w't )(?=(?:is|was|were|will|would)\b)")
_OPENING = re.compile(r"\n' (?=\S)")  # a closing one is in the line before by now
_SPACE_BEFORE = re.compile(r" (?=[.,:;!?)\]}]|'(?!\w))")


def separate_books(text: str) -> str:
    r"""Begin a document where a line names the next book, and drop that line.

    >>> separate_books("The End .\n_BOOK_TITLE_ : Andrew_Lang___The_Pink_Fairy_Book.txt.out\nOnce")
    'The End .\n\nOnce'
    """
    return _BOOK.sub("\n", f"\n{text}")[1:] if "_BOOK_TITLE_" in text else text


def move_closing_quotes(text: str) -> str:
    r"""Move a closing quote at a line's start to the sentence before, which is its own.

    >>> move_closing_quotes("` Go .\n' And he went .")
    "` Go . '\nAnd he went ."
    """
    return _CLOSING.sub(r" \1\n", text)


def restore_brackets(text: str) -> str:
    """Write brackets for their names.

    >>> restore_brackets("a rakish-looking -LSB- speedy-looking -RSB- craft")
    'a rakish-looking [ speedy-looking ] craft'
    """
    return (
        _BRACKET.sub(lambda name: _BRACKETS.get(name[0], name[0]), text) if "B-" in text else text
    )


def join_clitics(text: str) -> str:
    """Join the parts of contractions.

    >>> join_clitics("I do n't think it 's proper ; 'T is pity")
    "I don't think it's proper ; 'Tis pity"
    """
    text = text.replace(" n't", "n't").replace(" N'T", "N'T")
    return _TIS.sub(lambda found: found[0][:-1], _CLITIC.sub("'", text))


def join_brackets_and_stops(text: str) -> str:
    """Join quotes, brackets and stops to the words that they belong to.

    >>> join_brackets_and_stops("`` Rule Britannia ! ''")
    '``Rule Britannia!"'
    >>> join_brackets_and_stops("` Nonsense ! ' said her husband ;")
    "`Nonsense!' said her husband;"
    >>> join_brackets_and_stops("a craft [ speedy-looking ] , foul")
    'a craft [speedy-looking], foul'
    """
    text = text.replace(" ''", '"')
    text = _SPACE_BEFORE.sub("", text.replace("` ", "`"))
    text = _OPENING.sub("\n'", f"\n{text}")[1:]
    if has_any(text, "( ", "[ ", "{ "):
        text = text.replace("( ", "(").replace("[ ", "[").replace("{ ", "{")
    return text


def plain_quotes(text: str) -> str:
    """Write ASCII quotation marks for those of TeX.

    >>> plain_quotes("``Rule Britannia!'' `Nonsense!'")
    '"Rule Britannia!" \\'Nonsense!\\''
    """
    return text.replace("``", '"').replace("''", '"').replace("`", "'")
