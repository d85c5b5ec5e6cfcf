"""Sections about how the models were trained: losses, signal, weights, controls, orders."""

from babyllama.console import format_bytes
from babyllama.recipe import DistilledStudent, TwinStudent
from babyllama.recipe.names import SIGNAL
from babyllama.report import alt_texts, figures, frontier, stage_tables
from babyllama.report.claims import cross_entropy_share
from babyllama.report.section import Section, drawn_of, given
from babyllama.report.wording import joined, order_in_words
from babyllama.runs.run import Run


def losses(run: Run) -> Section | None:
    """How the losses fell, and the epoch at which each model is kept."""
    drawn = drawn_of(
        ("loss.svg", figures.loss_curves(run), alt_texts.of_losses(run),
         "Cross-entropy on the training text (smoothed) and on unseen text after each epoch, in "
         "nats per token. The ring marks the best epoch. The first, steep steps are cut off."),
        ("overfitting.svg", figures.overfitting(run), alt_texts.of_overfitting(run),
         "Cross-entropy of the student and of its twin on unseen text after each epoch: where a "
         "curve turns up, the model has begun to overfit. The first epochs may lie outside of the "
         "frame."),
        ("kl.svg", figures.kl_curves(run), alt_texts.of_kl(run),
         "How far the student's predictions of training text are from its teachers' (smoothed), at "
         "the temperature of its loss: 0 where they agree."),
    )  # fmt: skip
    text = (
        "Each model is kept at the epoch with the lowest cross-entropy on unseen text. The paper "
        "chose the student's epoch by its mixed loss instead, which includes the teachers. The "
        "losses here were measured during training, in its precision and on a limited number of "
        "windows; those under Results come from the evaluation, so the two differ a little.",
    )
    return Section("Training", text, figures=drawn) if drawn else None


def stored_signal(run: Run) -> Section | None:
    """The stored signal, and how close it is to the teachers."""
    if SIGNAL not in run.stages:
        return None
    facts = run.stages[SIGNAL].get("facts", {})
    kind, size, tokens = (facts.get(name) for name in ("kind", "bytes_per_token", "tokens"))
    text = []
    if kind and size and tokens:
        text.append(
            f"Kind {kind}: {size:,} bytes per token, {format_bytes(size * tokens)} for "
            f"{tokens:,} tokens."
        )
    drawn = drawn_of(
        ("frontier.svg", frontier.signal_frontier(run), "What each kind of signal loses",
         "KL from the teachers and angle between a stand-in student's gradient and the exact one, "
         "against bytes per token, on held-out text; both axes logarithmic. The ring marks what "
         "this run stored. Sampled signals have no KL."),
    )  # fmt: skip
    found = given(stage_tables.fidelity_table(run), stage_tables.frontier_table(run))
    return Section("The stored signal", tuple(text), found, drawn) if text or found else None


def loss_weights(run: Run) -> Section | None:
    """How text and teachers are weighted, for every distilled student."""
    lines = []
    for name, student in run.recipe.distilled.items():
        window = " · window" if student.reduction == "window_sum" else ""
        size = f" · {student.training.window}" if window else ""
        T, alpha = student.temperature, student.alpha
        lines.append(
            f"{name}: {_own_teachers(student)}reduction {student.reduction}, alpha {alpha:g}, "
            f"T {T:g}. Cross-entropy has "
            f"{cross_entropy_share(student):.2%} of the loss's weight: alpha against "
            f"(1 - alpha) · T²{window}, here {alpha:g} against {1 - alpha:g} · {T**2:g}{size}. "
            "This is a share of weights: what each term adds to the gradient depends on its size "
            "as well."
        )
    return Section("How text and teachers are weighted", tuple(lines)) if lines else None


def _own_teachers(student: DistilledStudent) -> str:
    """Whose student it is, if not the recipe's teachers'."""
    return f"taught by {joined(student.teachers, 'and')}; " if student.teachers else ""


def controls(run: Run) -> Section | None:
    """The twins that differ from their student in more than the teachers, and in what."""
    lines = tuple(
        f"{name}: the twin of {student.of} with {joined(changes, 'and')}{_smoothing(run, name)}."
        for name, student in run.recipe.students.items()
        if isinstance(student, TwinStudent) and (changes := run.recipe.changes(name))
    )
    return Section("Controls", lines) if lines else None


def _smoothing(run: Run, name: str) -> str:
    """The epsilon that a twin was trained with, if it was measured."""
    model = run.model(name)
    found = model.facts.get("smoothing") if model else None
    if not found:
        return ""
    return f" ({found['epsilon']:.4f}; mean entropy of the target {found['entropy']:.3f} nats)"


def orders(run: Run) -> Section | None:
    """The curricula of the trained models."""
    lines = []
    for name in run.recipe.trained:
        model = run.model(name)
        words = order_in_words(run.recipe.pretraining(name).training, model.facts if model else {})
        if words:
            lines.append(f"{name}: {words}.")
    return Section("The order of the text", tuple(lines)) if lines else None
