"""Rules for English text alone: punctuation, letters that OCR misread, cues in English words."""

import re

from babyllama.data.cleaning.editing import change_lines, cut, has_any, places_of

_STOP = re.compile(r" \.(?!\d)")
_STOPS_AND_DOTS = re.compile(r" (?<=[\w'\"’”)] )(?:[!?,]+|\.{1,4})(?=[\s\"]|$)", re.MULTILINE)
_HYPHEN = re.compile(r"- (?<=[a-z]- )(?!and |or |to |nor |but )(?=[a-z])")

_CUE_WORD = (
    r"applau|audio|breath|cheer|chuckl|clap|clears throat|cough|cr(?:ies|ying)|exhal|gasp|giggl|"
    r"groan|inaudibl|indistinct|inhal|laugh|music|noise|scream|sigh(?:s|ing)?\b|silence|singing|sings|"
    r"sniff|sob(?:s|bing)|sound|translator|unclear|unintelligible|video|whisper|whistl|yawn"
)
_SOUND = rf" ?(?:\w{{1,20}} ){{0,2}}(?:{_CUE_WORD})"
_CUE = re.compile(
    rf"\({_SOUND}[^()\n]{{0,40}}\)|\[{_SOUND}[^\[\]\n]{{0,40}}\]|\*(?:{_CUE_WORD})\w*\*"
    rf"|<(?:{_CUE_WORD}|talk)\w*>",
    re.IGNORECASE,
)

# "lt's", "ln", "lmagine": no English word starts with a small L and one of these letters.
_CAPITAL_I = re.compile(
    r"l(?<![\w'’`-]l)(?=['’`](?:m|ll|ve|d)\b|(?:[fgmnrst](?!d\b)|d(?!\b)|c(?!d\b))[a-z]*\b(?!\.)"
    r"|[ ,.?!;:…-]|$)|L(?<!\w.)(?=['’`](?:m|ll|ve|d)\b|f\b|t['’`]s\b)",
    re.MULTILINE,
)
# "WeIcome", "HoId", "wiII", "I'II": a capital I between or after small letters. Before "s", "t" or
# "n" it may be a word that lost its space ("tdIt is").
_SMALL_L = re.compile(
    r"I(?:(?<=[a-z]I)(?<!McI)(?<!MacI)I*+(?=[a-mo-ru-z]|\b(?!['’])|se\b|(?<=[airw]I)s\b|(?<=[aeu]I)t\b)"
    r"|(?<=['’]I)I\b|(?<=\b[A-Z]I)I*+(?=[a-mo-ru-z])"
    r"|(?<=\bAI)I\b(?= (?:right|of|the|my|your|you|we|I)\b))"
)
_INITIAL_L = re.compile(
    r"I(?<!\w.)(?=(?:a(?:d(?!a)|nd|rge|s[kt]|te|ug|w)|e(?:a|ft|ss|t|v)|i(?:e|f|g|k|n|s|t|v)|o(?:ng|o"
    r"|s|t|ud|v|w(?!a))|u(?:c|n)))"
)
_LOST_APOSTROPHE = re.compile(
    r" ?(?:(?<=\w)|(?<=\w ))\ufffd(?=(?:s|t|ll|re|ve|d|m)\b)", re.IGNORECASE
)
_GRAVE = re.compile(r"[`´](?<=[a-zI].)(?=(?:s|t|ll|re|ve|d|m)\b)", re.IGNORECASE)
_SMALL_LETTER = re.compile("[a-km-z]")
_CAPITALS = re.compile("[A-Z][A-Z]")


def join_stops(text: str) -> str:
    """Join punctuation to the word before it.

    Of the commas around a word that was lost one is kept.

    >>> join_stops("aboo . you dropped it , smile ?")
    'aboo. you dropped it, smile?'
    >>> join_stops("Well that was, ,")
    'Well that was,'
    """
    while ", ," in text:
        text = text.replace(", ,", ",")
    for stop in "!?,;":
        text = text.replace(f" {stop}", stop)
    return _STOP.sub(".", text)


def join_stops_and_dots(text: str) -> str:
    """Join punctuation and dots to the word before them, but for a number such as .45.

    >>> join_stops_and_dots("Natalie ... Why are you always stealing' chickens ?")
    "Natalie... Why are you always stealing' chickens?"
    """
    places = places_of(text, " !", " ?", " ,", " .")
    return change_lines(text, places, _with_stops)


def _with_stops(line: str) -> str:
    return _STOPS_AND_DOTS.sub(lambda found: found[0][1:], line)


def join_hyphens(text: str) -> str:
    """Join a word that was printed across two lines at its hyphen.

    >>> join_hyphens("in a heart- broken cry bubbled up his loneliness")
    'in a heart-broken cry bubbled up his loneliness'
    >>> join_hyphens("two- and three-year-olds")
    'two- and three-year-olds'
    """
    return _HYPHEN.sub("-", text) if "- " in text else text


def remove_cues(text: str) -> str:
    """Remove sounds that are described in brackets, between stars or like a tag.

    >>> remove_cues("and that's the only way you can tell what's going on at all <laughter>.")
    "and that's the only way you can tell what's going on at all."
    >>> remove_cues("and sound like this, — (loud crowd noise) — and")
    'and sound like this, — — and'
    """
    return cut(_CUE, text) if has_any(text, "(", "[", "*", "<") else text


def read_i_for_l(text: str) -> str:
    """Write I where OCR read a small L.

    >>> read_i_for_l("- lt's not as if she poisoned him. ls that it? l don't know.")
    "- It's not as if she poisoned him. Is that it? I don't know."
    >>> read_i_for_l("l'll climb. Blood... lsn't your name Mallard?")
    "I'll climb. Blood... Isn't your name Mallard?"
    """
    return _CAPITAL_I.sub("I", text)


def read_l_for_i(text: str) -> str:
    """Write small L where OCR read a capital I.

    >>> read_l_for_i("The big guy says, mine says, 'WeIcome to Jamaica.' I'II be packed.")
    "The big guy says, mine says, 'Welcome to Jamaica.' I'll be packed."
    >>> read_l_for_i("Our reIief wiII be here in an hour. tdIt is his Majesty's. Edward II")
    "Our relief will be here in an hour. tdIt is his Majesty's. Edward II"
    """
    if "I" not in text:
        return text
    return _SMALL_L.sub(lambda found: "l" * len(found[0]), text)


def read_initial_l_for_i(text: str) -> str:
    """Write small L where OCR read a capital I at the start of a word.

    >>> read_initial_l_for_i("Don't Ieave me here alone. You're Iucky! Ian and Io are in Iowa.")
    "Don't leave me here alone. You're lucky! Ian and Io are in Iowa."
    """
    return _INITIAL_L.sub("l", text) if "I" in text else text


def restore_apostrophes(text: str) -> str:
    r"""Write an apostrophe where one was lost in decoding, or where a grave accent stands for it.

    >>> restore_apostrophes("We \ufffdll see about that. And I won \ufffdt. It\ufffds not cold.")
    "We'll see about that. And I won't. It's not cold."
    >>> restore_apostrophes("They can`t see the flowers.")
    "They can't see the flowers."
    """
    if "\ufffd" in text:
        text = _LOST_APOSTROPHE.sub("'", text)
    return _GRAVE.sub("'", text) if has_any(text, "`", "´") else text


def lower_shouting(text: str) -> str:
    """Write lines of four and more words in capitals as sentences; OCR had read their I as l.

    >>> lower_shouting("WHAT lS THlS? l SEE.")
    'What is this? I see.'
    >>> lower_shouting("SOPA, PIPA, ACTA, TPP and ITU.")
    'SOPA, PIPA, ACTA, TPP and ITU.'
    """
    places = (found.start() for found in _CAPITALS.finditer(text))
    return change_lines(text, places, lambda line: sentence_case(line) if _shouts(line) else line)


def _shouts(line: str) -> bool:
    """Whether a line has no small letter but l; fewer words in capitals are more often names."""
    words = line.split()
    return len(words) > 3 and not _SMALL_LETTER.search(_without_parentheses(line))


def sentence_case(line: str) -> str:
    """Sentence-case a line if at least half of it is upper case, without cues and stops."""
    body = re.sub("[.!?]", "", _without_parentheses(line))
    # The public code divides by zero if nothing is left of the line.
    if not body or 2 * sum(map(str.isupper, body)) < len(body):
        return line
    sentences = re.split(r"([.!?]\s*)", line.replace("l", "I"))
    return "".join(sentence.capitalize() for sentence in sentences)


def _without_parentheses(line: str) -> str:
    # Only the part up to the last ")" can match. Searching the rest takes quadratic time on "((((".
    closed, close, rest = line.rpartition(")")
    return re.sub(r"\([^)]*\)", "", closed + close) + rest
