"""`babyllama curves`: mistakes are refused before anything is scored."""

from commands import refused


def test_a_folder_without_a_recipe_is_refused(tmp_path):
    assert "is not a run" in refused("curves", tmp_path, "--benchmark", "blimp=data")


def test_children_are_refused_without_their_benchmark(tmp_path):
    printed = refused("curves", tmp_path, "--benchmark", "blimp=data", "--children", "words.csv")
    assert "--children words.csv is only used by aoa_2025" in printed


def test_two_benchmarks_of_one_name_are_refused(tmp_path):
    printed = refused("curves", tmp_path, "--benchmark", "blimp=a", "--benchmark", "blimp=b")
    assert "--benchmark blimp is given twice" in printed
