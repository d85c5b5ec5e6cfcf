"""Rules for captions of talks (QED, TED)."""

import re

from babyllama.data.cleaning.editing import (
    change_lines,
    cut,
    cut_at_starts,
    has_any,
    places_of,
)

_CREDIT = re.compile(r"\n(?:Translator|Reviewer|Transcriber|Translated by|Reviewed by)\b.*")
_CUE = re.compile(r"\([A-Z][^()\n.?!,;:]{0,60}\)")
_CUE_ALONE = re.compile(r"\n\[[A-Z]\w{0,60}\](?=\n|$)")
_SHOUTED_NAME = r"[A-Z][A-Z .'#\d]{0,24} ?:(?= |$)"
_FULL_NAME = (
    r"(?!(?:The|A|An|My|Our|Your|This|That|And|But|So|One|Part|Question|Number) )"
    r"[A-Z][\w'’.-]+(?: [A-Z][\w'’.-]+){1,2}:(?= |$)"
)
_ROLE = (
    r"(?:Audience|Boy|Child|Crowd|Girl|Host|Interviewer|Man|Moderator|Narrator|Video|Voice|Woman)"
    r"(?: \d)?::?(?= |$)"
)
_OPENING = re.compile(rf"(?: |{_SHOUTED_NAME}|{_FULL_NAME}|{_ROLE})+")


def remove_talk_credits(text: str) -> str:
    """Drop lines that name translators and reviewers.

    >>> remove_talk_credits("Reviewer: Morton Bast")
    ''
    """
    return cut_at_starts(_CREDIT, text) if has_any(text, "Trans", "Review") else text


def remove_talk_cues(text: str) -> str:
    """Remove what is heard: in parentheses with a capital, or in brackets alone on a line.

    >>> remove_talk_cues("(Marimba sounds) about 401(k)s and made it [Howard] Roizen")
    ' about 401(k)s and made it [Howard] Roizen'
    >>> remove_talk_cues("[Compositor]")
    ''
    """
    if "[" in text:
        text = cut_at_starts(_CUE_ALONE, text)
    return cut(_CUE, text) if "(" in text else text


def remove_talkers(text: str) -> str:
    """Remove who speaks: initials, a full name or a role before a colon.

    >>> remove_talkers("WP: Absolutely. I've actually uploaded")
    "Absolutely. I've actually uploaded"
    >>> remove_talkers("Chris Anderson: I think at a previous TED,")
    'I think at a previous TED,'
    >>> remove_talkers("And then think about this:")
    'And then think about this:'
    """
    return change_lines(text, places_of(text, ":"), _without_talker)


def _without_talker(line: str) -> str:
    found = _OPENING.match(line)
    return line[found.end() :] if found else line
