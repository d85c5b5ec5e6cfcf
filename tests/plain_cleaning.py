"""Clean a full text at once, as plainly as possible: `clean_pieces` must give the same."""

import re

from babyllama.data.cleaning.applying import apply_rules
from babyllama.data.cleaning.characters import plain_characters
from babyllama.data.cleaning.domains import CODE, CleaningRules, clean_documents, cleaner_for
from babyllama.data.cleaning.layout import documents_of


def clean_text(text: str, *, domain: str, rules: CleaningRules, language: str = "en") -> str:
    cleaner = cleaner_for(domain)
    if rules == "paper":
        return cleaner.paper(text)
    if cleaner is CODE:
        documents = re.split(r"\n{2,}", apply_rules(text, cleaner.thorough).strip("\n"))
    else:
        plain = apply_rules(plain_characters(text), cleaner.across)
        found = documents_of(plain, wide_gaps=cleaner.wide_gaps and "\n\n\n" in plain)
        documents = clean_documents(found, cleaner, language)
    return "".join(f"{document}\n\n" for document in documents if document)[:-1]
