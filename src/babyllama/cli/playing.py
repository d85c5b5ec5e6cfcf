"""`babyllama play`: the local page that shows models side by side."""

import os
import sys
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from babyllama.cli.arguments import named_models, refuse_launcher
from babyllama.cli.asked import folder_here
from babyllama.console import Interrupted, print_line, print_status

PORT = 8642


def play(
    models: Annotated[
        list[Path],
        typer.Argument(
            help="Runs or model folders; NAME=FOLDER gives a name of your own. A model on the hub: "
            "ORG/NAME@COMMIT."
        ),
    ],
    port: Annotated[
        int,
        typer.Option(min=0, max=65_535, help="The port; the next free one if it is in use."),
    ] = PORT,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")
    ] = True,
) -> None:
    """Show teachers, ensemble, student and twin side by side on a page of this machine.

    Type a text and see how surprising each model finds each token, what it expected instead, what
    it writes next, and which of two sentences it prefers. Only this machine can open the page.

    Example: `babyllama play runs/mini`
    """
    from babyllama.play.finding import find_models
    from babyllama.play.opening import Opening, load
    from babyllama.play.server import HOST, answer_with, bound, refuse_missing_packages, serving

    refuse_launcher("play")
    refuse_missing_packages()
    given = {name: folder_here(folder) for name, folder in named_models(models).items()}
    found = find_models(given)
    listening = bound(port)
    number = listening.getsockname()[1]
    address = f"http://{HOST}:{number}/"
    try:
        with serving(opening := Opening(), listening) as ended:
            print_line(address)
            if port not in (0, number):
                print_status(f"  port {port} is in use, so this page is at port {number}")
            if browser:
                _open(address)
            print_status("loading the models; the page says which one. Ctrl-C ends.")
            cast = load(found, opening)
            for note in cast.notes:
                print_status(f"  {note}", style="yellow")
            names = [model.name for group in cast.groups for model in group.models]
            print_status(f"{len(names)} models: {', '.join(names)}")
            answer_with(cast, opening, ended)
    except (KeyboardInterrupt, Interrupted):
        print_status("closed")


def _open(address: str) -> None:
    """Open the page in a graphical browser; one of the terminal would take it over."""
    has_screen = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    if sys.platform == "linux" and not has_screen:
        print_status("  no screen: open the address in a browser yourself")
    elif not webbrowser.open(address):
        print_status("  no browser was found: open the address yourself")
