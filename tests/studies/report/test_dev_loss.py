"""How well dev loss and benchmarks agree."""

from babyllama.studies.report.dev_loss import correlation


def test_the_dev_loss_is_correlated_over_models(claim):
    (line,) = correlation(claim).text
    assert "over 9 models of 3 trials" in line
