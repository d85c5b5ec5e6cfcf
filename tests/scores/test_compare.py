"""The first is compared with each of the others, on every benchmark that both have."""

from result_files import benchmark, result

from babyllama.scores.compare import compare


def test_the_first_is_the_baseline_of_all_others(written):
    uids = {"a": "1100" * 5, "b": "10" * 5}
    first = written("1.json", result("first", {"x": benchmark(uids), "y": benchmark(uids)}))
    second = written("2.json", result("second", {"y": benchmark(uids)}))
    third = written("3.json", result("third", {"x": benchmark(uids), "z": benchmark(uids)}))
    found = compare([first, second, third], correction="bh")
    assert [(each.baseline, each.model, each.benchmark) for each in found] == [
        ("first", "second", "y"), ("first", "third", "x"),
    ]  # fmt: skip
