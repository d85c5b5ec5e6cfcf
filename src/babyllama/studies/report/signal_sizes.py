"""What a smaller stored signal costs: the dev loss of students against bytes per token."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean

from babyllama.recipe import load_recipe
from babyllama.report.section import Section
from babyllama.report.table import Table
from babyllama.runs.layout import Layout
from babyllama.runs.manifests import read_manifest
from babyllama.studies.report import figures
from babyllama.studies.report.decided import digits_of
from babyllama.studies.report.findings import Findings, shown
from babyllama.studies.study import DEV_LOSS


@dataclass(frozen=True)
class StoredIn:
    """The stored signal of a cell.

    Attributes:
        settings: of the signal in the recipe, as text.
        kl: nats from the teachers' distribution to the stored one at the student's temperature,
            over seeds; None where it is not defined, as for sampled tokens.
        losses: the dev loss of the cell's main student by seed.
    """

    cell: str
    settings: str
    bytes_per_token: int
    kl: float | None
    losses: dict[int, float]


def signal_sizes(findings: Findings) -> Section | None:
    """Dev loss and bytes of each cell; None unless the cells store signals of different sizes.

    More or other teachers have more states to store as well: that is no choice of a signal.
    """
    found = list(_stored(findings))
    sizes = {each.bytes_per_token for each in found}
    if len(sizes) < 2 or len({each.settings for each in found}) < 2:
        return None
    digits = digits_of(DEV_LOSS, findings.outcomes)
    rows = []
    for each in sorted(found, key=lambda each: -each.bytes_per_token):
        kl = "–" if each.kl is None else f"{each.kl:.2g}"
        mean = f"{fmean(each.losses.values()):.{digits}f}"
        rows.append((each.cell, f"{each.bytes_per_token:,}", kl, mean))
    note = (
        "KL: from the teachers' mixture to what is stored, in nats per token at the temperature of "
        "the cell's student, mean over seeds; it is not defined for sampled tokens. The last "
        "column is the mean over seeds of the student's dev cross-entropy in nats per token."
    )
    head = ("cell", "bytes per token", "KL", DEV_LOSS)
    points = {each.cell: (each.bytes_per_token, list(each.losses.values())) for each in found}
    label = f"{findings.axis_label(DEV_LOSS)} per token"
    caption = (
        f"{DEV_LOSS} against the size of the stored signal: each seed as a dot, means with "
        "Student's 95% interval over seeds. Lower and further left is better."
    )
    return Section(
        "The size of the stored signal",
        tables=(Table("Signals", head, tuple(rows), note),),
        figures=(shown("sizes", figures.sizes(points, label=label), caption, caption),),
    )


def _stored(findings: Findings) -> Iterator[StoredIn]:
    """The signals of the cells whose main student reads one."""
    for cell in findings.cells:
        main = findings.main(cell)
        losses = findings.values(main, DEV_LOSS)
        kinds, distances = set[tuple[str, int]](), list[float | None]()
        for seed in losses:
            layout = Layout(findings.found[main][seed].trial)
            manifest = read_manifest(layout.signal) or {}
            facts = manifest.get("facts", {})
            if "fidelity" not in facts:
                continue
            reader = load_recipe(str(layout.recipe)).readers.get(main.model)
            if reader is None:
                continue
            settings = json.dumps(manifest["recipe"]["signal"], sort_keys=True)
            kinds.add((settings, facts["bytes_per_token"]))
            measured = facts["fidelity"]["temperatures"].get(f"{reader.temperature:g}", {})
            distances.append(measured.get("kl"))
        if len(kinds) == 1:
            known = [kl for kl in distances if kl is not None]
            kl = fmean(known) if known else None
            yield StoredIn(cell.name, *kinds.pop(), kl, losses)
