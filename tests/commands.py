"""Commands of the `babyllama` program, run in the test's own process."""

from typer.testing import CliRunner

from babyllama.cli import app


def invoke(*arguments, stdin=None):
    """Run a command; its `exit_code`, `stdout` and `output`, both streams together."""
    return CliRunner().invoke(app, [str(each) for each in arguments], input=stdin)


def babyllama(*arguments, code=0):
    """Run a command that must end with `code`; what it printed, on one line."""
    result = invoke(*arguments)
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return " ".join(result.output.split())


def refused(*arguments):
    """The message of a command that must be refused."""
    return babyllama(*arguments, code=2)
