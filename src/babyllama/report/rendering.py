"""Fill the templates of pages."""

import re
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from babyllama.report.markdown import aligned, escaped, fenced, shortened


def render(template: str, context: Mapping[str, Any]) -> str:
    """A page in HTML or Markdown, as a template's name ends in `.html.j2` or `.md.j2`."""
    return _templates().get_template(template).render(context)


def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("babyllama.report", "templates"),
        autoescape=lambda name: name is not None and name.endswith(".html.j2"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["aligned"] = aligned
    environment.filters["anchor"] = _anchor
    environment.filters["shortened"] = shortened
    environment.filters["escaped"] = escaped
    environment.filters["fenced"] = fenced
    return environment


def _anchor(title: str) -> str:
    """What links within a page call a section: `the-corpus`."""
    return re.sub(r"\W+", "-", title.lower()).strip("-") or "section"
