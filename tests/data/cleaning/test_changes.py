import tracemalloc

from babyllama.data.cleaning.changes import Changes, changes_of
from babyllama.data.cleaning.english import join_stops
from babyllama.data.cleaning.paper import paper_blank_lines


def test_lines_and_bytes_are_counted_by_domain_and_rule():
    changes = Changes(0)
    changes.watch("talk")(join_stops, "aboo .\nkee\né ?", "aboo.\nkee\né?")

    found = changes.domains["talk"]["join_stops"]
    assert (found.lines, found.bytes_removed) == (2, 2)
    assert found.does == "Join punctuation to the word before it."
    assert [(each.before, each.after) for each in found.samples] == [
        ("aboo .", "aboo."),
        ("é ?", "é?"),
    ]


def test_lines_that_a_rule_joins_are_shown_as_gone():
    changes = Changes(0)
    changes.watch("wiki")(paper_blank_lines, "One.\n\nTwo.\nThree.", "One.Two.\nThree.")

    samples = changes.domains["wiki"]["paper_blank_lines"].samples
    assert {each.before for each in samples} == {"One.", "Two."}


def test_samples_are_drawn_by_the_seed_and_differ():
    def samples(seed):
        changes = Changes(seed)
        watch = changes.watch("talk")
        for number in range(200):
            watch(join_stops, f"{number // 2} .", f"{number // 2}.")
        return [each.before for each in changes.domains["talk"]["join_stops"].samples]

    assert samples(1) == samples(1) != samples(2)
    assert len(set(samples(1))) == 3


def test_a_long_line_is_cut_around_its_first_difference():
    changes = Changes(0)
    line = 500 * "word " + "kee ." + 100 * " word"
    changes.watch("talk")(join_stops, line, join_stops(line))

    [sample] = changes.domains["talk"]["join_stops"].samples
    assert "kee ." in sample.before
    assert "kee. word" in sample.after
    assert sample.cut == (True, True)
    assert len(sample.before) <= 160


def test_memory_does_not_grow_with_the_text():
    watch = Changes(0).watch("talk")
    tracemalloc.start()
    for number in range(2_000):
        watch(join_stops, f"{number} {'x' * 300} .", f"{number} {'x' * 300}.")
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert used < 20_000


def test_a_corpus_is_cleaned_rule_by_rule_and_both_splits_count(tmp_path):
    for split, text in (("train", "*MOT:\thi .\n"), ("dev", "*CHI:\tbye .\n[laughs]\n")):
        (tmp_path / split).mkdir()
        (tmp_path / split / "childes.txt").write_text(text, "utf-8")

    changes = changes_of(tmp_path, rules="thorough", language="en")

    lines = {name: found.lines for name, found in changes.domains["childes"].items()}
    assert lines["remove_speaker_tags"] == 2
    assert lines["remove_comments"] == 1
    assert changes.sizes == {"childes": (11 + 21, len("hi.\n") + len("bye.\n"))}
