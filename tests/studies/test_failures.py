"""What failed has a log, which says why in its first line."""

from babyllama.errors import InputError
from babyllama.pipeline.workers import Job
from babyllama.studies.failures import forget_failure, read_failure, write_failure

JOB = Job("students/distilled (bad seed 0)", "a:b", {"trial": "t"}, threads=1)


def test_a_failure_is_read_back_until_its_job_is_begun_again(tmp_path):
    try:
        raise InputError("gradient_norm is nan\nat step 2", mend="Start over.")
    except InputError as error:
        written = write_failure(JOB, error, tmp_path)
    assert written.why == "gradient_norm is nan at step 2"
    assert "Start over." in written.log.read_text("utf-8")
    assert read_failure(JOB.name, tmp_path) == written
    assert read_failure("students/twin (bad seed 0)", tmp_path) is None
    forget_failure(JOB.name, tmp_path)
    assert read_failure(JOB.name, tmp_path) is None


def test_the_log_of_an_older_release_names_no_reason(tmp_path):
    log = write_failure(JOB, ValueError("it broke"), tmp_path).log
    log.write_text("Traceback (most recent call last):\nValueError: it broke\n", encoding="utf-8")
    assert read_failure(JOB.name, tmp_path).why == ""
