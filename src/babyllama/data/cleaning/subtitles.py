"""Rules for subtitles of films."""

import re

from babyllama.data.cleaning.editing import (
    change_lines,
    cut,
    cut_at_starts,
    has_any,
    odd_characters,
    places_of,
)

_CREDIT = re.compile(
    r"^.*(?:subtitl[^.\n]{0,50}(?:\bby\b|\bfrom\b|:)|opensubtitles|addic7ed|subscene|osdb\.link"
    r"|[\w.]+@[\w-]+\.[a-z]).*$"
    r"|^[^\w\n]*(?:caption(?:s|ed|ing)?|corrected|created|encoded|processing|re-?sync\w{0,9}|ripped|subs?"
    r"|sync\w{0,9}|timed|transcri(?:bed|pt|ption)|translat(?:ed|ion|or))\b"
    r"[^.\n]{0,30}(?:\bby\b|:).*$",
    re.IGNORECASE,
)
_SIGNS_OF_CREDIT = (
    "subs", "subtitl", "addic7ed", "osdb.link", "@", "www.", "http", "caption", "corrected by",
    "encoded", "processing", "sync", "ripped", "timed", "transcri", "translat",
)  # fmt: skip
_LONGEST_CREDIT = 120  # characters; a longer line has text of the film
_AD = re.compile(
    r"(?:\b(?:subtitles?|support us|please rate|sync(?:ed|hroni[sz]ed)?)\b[^.\n]{0,80} )?"
    r"(?:\bwww\.|\bhttps?://)\S+",
    re.IGNORECASE,
)
_BRACKETS = re.compile(r"\[\[?[^\[\]\n]{0,100}\]{1,2}|\{\{?[^{}\n]{0,100}\}{1,2}")
# Parentheses without a sentence in them name a sound or a speaker.
_PARENTHESES = re.compile(r"\((?:[^()\n.?!,;:]{0,60}|\d+,\d+)\)")
_MUSIC = re.compile(r"[♪♫¶]|™a\b")  # "™a" is what decoding left of a note
_SIGNS = re.compile(r"[#*](?<![^\s-].)[#*]*+(?=\s|$)")
_CHANGE = re.compile(r">>+")
_DASH = re.compile(r"\n(?: |- ?(?=[^-]))+")
_NAME = re.compile(r"(?: |[A-Z][A-Z .'#\d]{0,24} ?:(?= |$))+")
_NAME_ALONE = re.compile(r"[A-Z][a-z]{1,15} ?: ?$")
_ROLE = re.compile(
    r"(?:All|Announcer|Audience|Boy|Both|Child|Crowd|Girl|Host|Interviewer|Man|Moderator|"
    r"Narrator|Newsreader|Reporter|Teacher|Video|Voice|Voiceover|Woman)(?: \d)?: "
)
_FRAGMENT = re.compile(r" [b-hj-zB-HJ-Z'’](?= )")


def remove_credits(text: str) -> str:
    """Drop lines that say who made the subtitles, and addresses in other lines.

    >>> remove_credits("Subtitles by Red Bee Media Ltd")
    ''
    >>> remove_credits("- Synchro By : ¤AkaZab¤")
    ''
    >>> remove_credits("Subtitles downloaded from www.OpenSubtitles.org Bobigny." + 80 * " ")[:9]
    ' Bobigny.'
    >>> remove_credits("We took their translator. That's correct.")
    "We took their translator. That's correct."
    """
    lower = text.replace("\u0130", "I").lower()  # the one letter that gets longer
    return change_lines(text, places_of(lower, *_SIGNS_OF_CREDIT), _without_credit)


def _without_credit(line: str) -> str:
    line = _AD.sub("", line)
    return line if len(line) > _LONGEST_CREDIT else _CREDIT.sub("", line)


def remove_brackets(text: str) -> str:
    r"""Remove sounds, names and positions in square brackets and braces.

    >>> remove_brackets("[INTERCOM BUZZES] I'm giving you a little support.{\\pos(250,268)}")
    " I'm giving you a little support."
    """
    return cut(_BRACKETS, text) if has_any(text, "[", "{") else text


def remove_parentheses(text: str) -> str:
    """Remove parentheses that hold no sentence, so a sound or a speaker.

    >>> remove_parentheses("(Vater) Den Zucker bitte, Lilli. (Gehen Sie mit, Gehen Sie mit)")
    ' Den Zucker bitte, Lilli. (Gehen Sie mit, Gehen Sie mit)'
    """
    return cut(_PARENTHESES, text) if "(" in text else text


def remove_music_signs(text: str) -> str:
    """Remove the signs around what is sung.

    >>> remove_music_signs("♪ Another bride, another June")
    ' Another bride, another June'
    """
    return cut(_MUSIC, text) if _MUSIC.search(odd_characters(text)) else text


def remove_song_marks(text: str) -> str:
    """Remove hashes and stars around what is sung.

    >>> remove_song_marks("# Darling, I'll climb any mountain * WHEN YOU'RE LOST OUT THERE *")
    " Darling, I'll climb any mountain  WHEN YOU'RE LOST OUT THERE "
    """
    return _SIGNS.sub("", text) if has_any(text, "#", "*") else text


def remove_speaker_changes(text: str) -> str:
    """Remove the signs that another speaker begins.

    >>> remove_speaker_changes(">> Disaster workers say at least a dozen people were killed.")
    ' Disaster workers say at least a dozen people were killed.'
    """
    return cut(_CHANGE, text) if ">>" in text else text


def remove_dialogue_dashes(text: str) -> str:
    """Remove the dash before each speaker's line.

    >>> remove_dialogue_dashes("- We're chicken thieves!")
    "We're chicken thieves!"
    >>> remove_dialogue_dashes("-- ever.")
    '-- ever.'
    """
    return cut_at_starts(_DASH, text)


def remove_speaker_names(text: str) -> str:
    """Remove who speaks: names in capitals, names alone on a line, and roles.

    >>> remove_speaker_names("MR. WHITTAKER: Hm.")
    'Hm.'
    >>> remove_speaker_names("Emcee:")
    ''
    >>> remove_speaker_names("Woman: CAN YOU DESCRIBE FOR ME WHAT THE PRESS COVERAGE WAS LIKE?")
    'CAN YOU DESCRIBE FOR ME WHAT THE PRESS COVERAGE WAS LIKE?'
    """
    return change_lines(text, places_of(text, ":"), _without_name)


def _without_name(line: str) -> str:
    for pattern in (_NAME, _NAME_ALONE, _ROLE):
        if found := pattern.match(line):
            line = line[found.end() :]
    return line


def drop_broken_words(text: str) -> str:
    """Drop lines whose words OCR split into single letters.

    >>> drop_broken_words("J us t a no rmal mo rn i ng . He l lo .")
    'J us t a no rmal mo rn i ng . He l lo .'
    >>> drop_broken_words("We l l , g i ve me tha t wh i te one .")
    ''
    """
    places = (found.start() for found in _FRAGMENT.finditer(text))
    return change_lines(text, places, lambda line: "" if _is_broken(line) else line)


def _is_broken(line: str) -> bool:
    """Whether more than two words, and over a quarter, are single letters that are no words."""
    letters = len(_FRAGMENT.findall(line))
    return letters > 2 and 4 * letters > len(line.split())
