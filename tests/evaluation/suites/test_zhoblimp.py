"""ZhoBLiMP: the mean over paradigms, whatever the rules."""

from babyllama.evaluation.suites import suite_for


def test_zhoblimp_groups_by_phenomenon_and_averages_paradigms(write, score):
    rows = [
        {"UID": uid, "phenomenon": group, "sentence_good": "你把杯子打碎了。",
         "sentence_bad": "杯子把你打碎了。", "pairID": number}
        for number, (uid, group) in enumerate([("u", "BA"), ("u", "BA"), ("v", "BA")])
    ]  # fmt: skip
    suite = suite_for("zhoblimp")
    items = suite.read(write({"z.jsonl": rows}))
    for name in ("honest", "2023"):
        facts, _ = score(suite, items, [-1, -2, -2, -1, -1, -2], name)
        assert facts["score"] == 75
    assert list(facts["groups"]) == ["BA"]
