"""`babyllama init`: a recipe of one's own, from four questions and a look at the text."""

import json
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from babyllama.cli.completing import cards_beginning_with
from babyllama.console import format_duration, print_line, print_status
from babyllama.errors import InputError, command
from babyllama.pipeline.cards import CARDS

if TYPE_CHECKING:
    from babyllama.data.glance import Glance
    from babyllama.pipeline.sizing import Choice

_WORTH_COMPILING = 1800.0  # seconds of a run
_SYNTHETIC_WORDS = 60_000  # at most, as in mini
_UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86400}


def init(
    out: Annotated[Path, typer.Argument(help="The recipe to write.")] = Path("mine.yaml"),
    text: Annotated[
        str | None, typer.Option(help="The folder of the text; `none` for synthetic text.")
    ] = None,
    language: Annotated[
        str | None, typer.Option(help="The text's language, as a code such as en or de.")
    ] = None,
    time_limit: Annotated[
        str | None, typer.Option("--time", help="How long a run may take: 20min, 2h, 1d.")
    ] = None,
    machine: Annotated[
        str | None,
        typer.Option(
            help=f"Where it will run: `here`, or on a card: {', '.join(CARDS)}.",
            autocompletion=cards_beginning_with,
        ),
    ] = None,
) -> None:
    """Write a short recipe for a text, a time and a machine; asks what no option says.

    Without a terminal it takes the default of each question and says so.

    Example: `babyllama init mine.yaml --text data/text --time 1h`
    """
    from babyllama.recipe.reading import recipe_of

    if out.exists():
        raise InputError(
            f"{out} exists", why="It would be replaced.", mend="Choose another name for the recipe."
        )
    folder = _answer(text, "--text", "Folder of the text, or none for synthetic text", "none")
    glance = None
    if folder.lower() != "none":
        glance = _looked_at(Path(folder))
    code = _answer(language, "--language", "Language", glance.language if glance else "en")
    seconds = _seconds(_answer(time_limit, "--time", "Time for a run", "1h"))
    where = _answer(machine, "--machine", "Machine: here, or a card such as h100", "here").lower()
    card = "" if where == "here" else where
    written = _written(out, Path(folder), glance, code, seconds, card)
    recipe_of(written, str(out))  # refuses a language that is no code, for example
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(written, encoding="utf-8")
    print_line(f"Written: {out}")
    print_status(f"Look at the plan: {command('run', out, '--dry-run')}")
    print_status(f"Run it: {command('run', out)}")


def _answer(given: str | None, option: str, question: str, default: str) -> str:
    if given is not None:
        return given
    if sys.stdin is not None and sys.stdin.isatty():
        try:
            return str(typer.prompt(question, default=default, err=True))
        except typer.Abort:  # Ctrl-C, or Ctrl-D
            print_status("")
            raise KeyboardInterrupt from None
    print_status(f"{question}: {default} (no terminal to ask; {option} sets it)")
    return default


def _looked_at(folder: Path) -> "Glance":
    from babyllama.data.glance import look_at

    glance = look_at(folder)
    shares = [(name.lower(), share) for name, share in glance.scripts.items() if share >= 0.01]
    scripts = ", ".join(f"{name} {share:.0%}" for name, share in shares)
    count = len(glance.domains)
    print_status(
        f"{folder}: {glance.words:,} words of training text in {count} "
        f"domain{'s' * (count != 1)} ({', '.join(glance.domains)}); letters: {scripts or 'none'}"
    )
    if not glance.has_spaces:
        print_status("  no spaces between words: the text is measured by its characters")
    return glance


def _seconds(given: str) -> float:
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|min|h|d)\s*", given)
    if found is None or float(found[1]) <= 0:
        raise InputError(
            f"--time {given} is not a time", mend="For example: --time 20min, --time 2h, --time 1d"
        )
    return float(found[1]) * _UNITS[found[2]]


def _written(
    out: Path, folder: Path, glance: "Glance | None", language: str, seconds: float, card: str
) -> str:
    from babyllama.pipeline.sizing import choose

    words = glance.size if glance else _SYNTHETIC_WORDS
    choice = choose(words, seconds, card=card)
    where = f"on one {card}" if card else "on this machine"
    if choice.seconds > 1.1 * seconds:
        print_status(
            f"{format_duration(seconds)} is too short: a run needs at least "
            f"{int(choice.share * words):,} words, which take about "
            f"{format_duration(choice.seconds)}",
            style="yellow",
        )
    elif choice.seconds < seconds / 2:
        print_status(
            f"The run takes about {format_duration(choice.seconds)} {where}, less than "
            f"{format_duration(seconds)}: larger models would need more than {words:,} words."
        )
    else:
        print_status(f"The run takes about {format_duration(choice.seconds)} {where}.")
    head = [
        "# Written by babyllama init " + time.strftime("on %Y-%m-%d, for about"),
        f"# {format_duration(choice.seconds)} {where}.",
        f"# The plan: {command('run', out, '--dry-run')}",
        "extends: laptop  # what is not written here; babyllama recipes laptop prints it",
    ]
    return (
        "\n".join([*head, *_text(folder, glance, choice, language), *_sizes(choice, words)]) + "\n"
    )


def _text(folder: Path, glance: "Glance | None", choice: "Choice", language: str) -> list[str]:
    lines = ["corpus:"]
    if glance is None:
        used = max(1_000, int(_SYNTHETIC_WORDS * choice.share))
        lines += [f"  source: {{kind: synthetic, words: {used}, dev_words: {max(500, used // 4)}}}"]
    else:
        path = json.dumps(str(folder), ensure_ascii=False)
        lines += [f"  source: {{path: {path}}}  # {glance.words:,} words"]
        if choice.share < 1:
            used = int(glance.words * choice.share)
            lines += [f"  words: {used}  # drawn from all domains; delete it to use all the text"]
        if language not in ("en", "eng"):
            lines += [f"  language: {json.dumps(language)}  # no rule for English cleans it"]
    form = "nfc" if glance and not glance.has_spaces else "nfkc"
    return [
        *lines,
        f"tokenizer: {{vocab_size: {choice.rung.vocab_size}, normalization: {form}}}",
        f"card: {{language: [{json.dumps(language)}]}}  # add license: and datasets: to publish",
    ]


def _sizes(choice: "Choice", words: int) -> list[str]:
    from babyllama.pipeline.sizing import settings_of, steps_of

    rung, settings = choice.rung, settings_of(choice.rung)
    warmup = max(1, min(100, steps_of(choice, words) // 10))

    # Compiling takes a minute or two for each model, more than it saves in a short run.
    compiled = "" if choice.seconds > _WORTH_COMPILING else ", compile: false"

    def model(path: str) -> str:
        fields = settings[f"{path}.model"]
        assert isinstance(fields, dict)
        return "{" + ", ".join(f"{name}: {value}" for name, value in fields.items()) + "}"

    return [
        "defaults:  # for every model; what stands at a model wins",
        f"  training: {{epochs: {rung.epochs}, batch_size: {rung.batch_size}, "
        f"warmup_steps: {warmup}{compiled}}}",
        "teachers:  # two that differ, trained first",
        f"  llama: {{model: {model('teachers.llama')}}}",
        f"  gpt2: {{model: {model('teachers.gpt2')}}}",
        "students:  # laptop's twin is trained beside it, without teachers",
        f"  distilled: {{model: {model('students.distilled')}}}",
        "  # cold: {like: distilled, temperature: 1}  # a further student, one line",
        "# evaluation: {benchmarks: {blimp: DIR}}  # BLiMP's folder, for scores on grammar",
    ]
