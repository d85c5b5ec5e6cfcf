"""What a study cost."""

from babyllama.studies.report.cost import cost


def test_a_model_that_trials_share_is_counted_once(claim):
    (table,) = cost(claim).tables
    assert table.rows[-1][:3] == ("together", "9", "9.0T")
