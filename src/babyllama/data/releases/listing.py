"""Ask the hub for the files of a repository, where `releases.yaml` does not list them."""

from pathlib import PurePosixPath

from huggingface_hub import HfApi

from babyllama.data.releases.known import Release, ReleaseFile
from babyllama.errors import InputError


def listed(release: Release) -> Release:
    """The release with the revision, files, sizes and hashes that the hub says it has now.

    Raises:
        InputError: the repository is empty, or a file's name leads out of a folder.
        Exception: what the HTTP library raises; see `failures.explaining`.
    """
    assert release.repository is not None
    info = HfApi().dataset_info(release.repository, files_metadata=True)
    siblings = info.siblings or []
    for each in siblings:
        path = PurePosixPath(each.rfilename)
        if path.is_absolute() or ".." in path.parts or "\\" in each.rfilename:
            raise InputError(
                f"{release.repository} lists the file {each.rfilename!r}",
                why="Such a name leads out of the folder. Nothing was downloaded.",
                mend="Check HF_ENDPOINT: no repository of BabyLM has such a file.",
            )
    files = [
        ReleaseFile(name=each.rfilename, bytes=each.size, sha256=each.lfs.sha256)
        if each.lfs
        else ReleaseFile(name=each.rfilename, bytes=each.size, git=each.blob_id)
        for each in siblings
        if not each.rfilename.startswith(".")
    ]
    if not files:
        raise InputError(
            f"{release.repository} has no files", mend="Check the name of the release."
        )
    return release.model_copy(update={"files": tuple(files), "revision": info.sha})
