"""An export is complete or absent."""

import pytest

from babyllama.publish.export.placing import placed


def test_a_finished_file_gets_its_name(tmp_path):
    with placed(tmp_path / "new" / "a.gguf") as beside:
        beside.write_text("done")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.gguf"]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_an_error_leaves_nothing(tmp_path, kind):
    with pytest.raises(RuntimeError), placed(tmp_path / "a") as beside:  # noqa: PT012
        if kind == "file":
            beside.write_text("half")
        else:
            (beside / "onnx").mkdir(parents=True)
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
