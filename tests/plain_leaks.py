"""What stands twice, by comparing the words themselves: slow, and plain to read."""

import random
import re


def words_of(line):
    return re.sub(r"[^\w\s]|_", "", line.casefold()).split()


def documents_of(text):
    """Each document as a list of lines, each a list of words."""
    found = [[words_of(line) for line in each.split("\n")] for each in re.split(r"\n\s*\n", text)]
    return [[line for line in document if line] for document in found]


def sequences_of(document, length=13):
    """Every sequence of a document, with the numbers of the lines of its words."""
    words = [(word, number) for number, line in enumerate(document) for word in line]
    for start in range(len(words) - length + 1):
        part = words[start : start + length]
        yield start, tuple(word for word, _ in part), [number for _, number in part]


def dev_in_train(train, dev):
    """Lines and words of dev that are in train, from the texts of both."""
    of_train = [sequence for each in documents_of(train) for _, sequence, _ in sequences_of(each)]
    lines_of_train = {tuple(line) for document in documents_of(train) for line in document}
    counts = dict.fromkeys(("same_lines", "same_words", "sequence_words", "shared_sequences"), 0)
    counts["sequences"] = 0
    for document in documents_of(dev):
        for line in document:
            counts["same_lines"] += tuple(line) in lines_of_train
            counts["same_words"] += len(line) * (tuple(line) in lines_of_train)
        covered = set()
        for start, sequence, _ in sequences_of(document):
            counts["sequences"] += 1
            if sequence in of_train:
                counts["shared_sequences"] += 1
                covered |= set(range(start, start + 13))
        counts["sequence_words"] += len(covered)
    return counts


def again_in_train(train):
    """Lines and words that stand in train earlier."""
    counts = dict.fromkeys(("same_lines", "same_words", "sequence_words", "shared_sequences"), 0)
    lines, sequences = set(), set()
    counts["sequences"] = 0
    for document in documents_of(train):
        for line in document:
            counts["same_lines"] += tuple(line) in lines
            counts["same_words"] += len(line) * (tuple(line) in lines)
            lines.add(tuple(line))
        covered = set()
        for start, sequence, _ in sequences_of(document):
            counts["sequences"] += 1
            if sequence in sequences:
                counts["shared_sequences"] += 1
                covered |= set(range(start, start + 13))
            sequences.add(sequence)
        counts["sequence_words"] += len(covered)
    return counts


def similarity(one, other, size=2):
    """The Jaccard similarity of the shingles of two lists of words."""
    sets = [{tuple(w[i : i + size]) for i in range(len(w) - size + 1)} for w in (one, other)]
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


def copied_text(seed, documents=12):
    """A text in which lines and parts of lines come again, with other punctuation and line ends."""
    draw = random.Random(seed)
    known = [[f"w{draw.randrange(2000)}" for _ in range(draw.choice((1, 2, 4, 9, 20)))]]
    text = []
    for _ in range(documents):
        lines = []
        for _ in range(draw.randrange(1, 9)):
            if draw.random() < 0.5:
                line = [f"w{draw.randrange(2000)}" for _ in range(draw.choice((1, 2, 4, 9, 20)))]
                known.append(line)
            else:
                line = list(draw.choice(known))
                if draw.random() < 0.4:
                    line[draw.randrange(len(line))] = "other"
            words = [word.upper() if draw.random() < 0.1 else word for word in line]
            joined = " ".join(f"{word}," if draw.random() < 0.1 else word for word in words)
            lines.append(joined.replace(" ", "\n", 1) if draw.random() < 0.3 else joined)
        text.append("\n".join(lines))
    return "\n\n".join(text) + "\n"
