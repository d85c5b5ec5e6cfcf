"""TurBLiMP: tables with semicolons."""

import gzip

import pytest

from babyllama.errors import InputError
from babyllama.evaluation.likelihood.texts import Text
from babyllama.evaluation.suites import suite_for


def test_turblimp_is_read_from_tables_with_semicolons(tmp_path):
    header = "good_sentence;bad_sentence;good_cue;bad_cue;critical_region;phenomenon\n"
    rows = (
        'Kendimi gördüm.;Kendini gördüm.;kendimi;kendini;gördüm;binding  \n"A; b.";B.;;;;binding\n'
    )
    (tmp_path / "binding.csv.gz").write_bytes(gzip.compress((header + rows).encode()))
    first, second = suite_for("turblimp").read(tmp_path)
    assert (first.uid, first.options[1]) == ("binding", Text("Kendini gördüm."))
    assert second.options[0] == Text("A; b.")
    (tmp_path / "binding.csv.gz").write_bytes(gzip.compress((header + "only;two\n").encode()))
    with pytest.raises(InputError, match=r"binding\.csv\.gz:2: does not have the 6 fields"):
        suite_for("turblimp").read(tmp_path)
    (tmp_path / "binding.csv.gz").write_bytes(gzip.compress(header.encode()))
    with pytest.raises(InputError, match="has no line after its header"):
        suite_for("turblimp").read(tmp_path)
