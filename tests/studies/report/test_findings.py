"""What the sections of a report read."""

from babyllama.studies.comparing import Side
from babyllama.studies.report.findings import folder_of


def test_an_outcome_has_the_folder_of_its_model_and_is_found_by_its_side(claim):
    assert folder_of(claim.outcomes[0]).name == claim.outcomes[0].model
    assert Side("base", "twin") in claim.found
