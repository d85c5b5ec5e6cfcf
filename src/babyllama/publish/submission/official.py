"""What BabyLM's pipelines expect of a submission: benchmarks with their item counts, checkpoints.

Source: the counts are from collate_preds.py of babylm/evaluation-pipeline-2025 (bf55c11) and of
babylm-org/babylm-eval (6f825c29, for 2026), the names of checkpoints from the challenge's rules,
what the leaderboard does from src/submission and src/leaderboard of its space on the hub.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from babyllama.recipe import BABYLM_WORD_MARKS
from babyllama.recipe.names import checkpoint_name

Year = Literal["2025", "2026"]
Track = Literal["strict-small", "strict"]

RULES = "2025"  # by which both pipelines score, except EWoK, which 2026 scores as `ewok_2026`

GLUE = {
    "boolq": 1635, "mnli": 4908, "mrpc": 204, "multirc": 2424, "qqp": 20215, "rte": 139, "wsc": 52
}  # fmt: skip
CLASSES = {name: 3 if name == "mnli" else 2 for name in GLUE}


@dataclass(frozen=True)
class ZeroShotBenchmark:
    """A zero-shot benchmark of a submission.

    Attributes:
        key: its name in the file of predictions.
        sizes: number of items of each part, in any order.
        our_names: names that its predictions may have here, the usual one first.
        our_fast_names: the same for its fast subset. Empty if checkpoints are not scored on it.
        fast_sizes: number of items of each part of the fast subset.
        is_by_example: whether its predictions are keyed by example, one for each, and not by part.
    """

    key: str
    sizes: Mapping[str, int]
    our_names: tuple[str, ...]
    our_fast_names: tuple[str, ...] = ()
    fast_sizes: Mapping[str, int] = field(default_factory=dict)
    is_by_example: bool = False

    @property
    def fast_parts(self) -> Mapping[str, int]:
        """The parts of a checkpoint's scores, in lower case, and their numbers of items."""
        if self.key == "reading":
            return dict.fromkeys(("spr", "rt"), self.fast_sizes["reading"])
        # The pipeline ignores case, too.
        return {part.lower(): size for part, size in self.fast_sizes.items()}


@dataclass(frozen=True)
class SubmissionFormat:
    """The file of predictions that the pipeline of a year expects.

    Attributes:
        aoa_key: the key of the surprisals at checkpoints.
        aoa_contexts: how many of them each checkpoint has.
        has_aoa_score: whether the score computed from these surprisals is submitted, as `aoa`.
        has_form: whether leaderboard.json is written, the fields of the leaderboard's form.
        keeps_nothing: whether entity tracking keeps items that have an option with `nothing`.
        glue: number of items of each fine-tuning task.
    """

    year: Year
    zero_shot: tuple[ZeroShotBenchmark, ...]
    aoa_key: str
    aoa_contexts: int
    keeps_nothing: bool
    has_aoa_score: bool = False
    has_form: bool = False
    glue: Mapping[str, int] = field(default_factory=lambda: GLUE)


def revisions(track: Track, words_seen: int) -> list[str]:
    """The checkpoints of a track, up to the number of words that a model has seen."""
    most = min(words_seen, 100_000_000 if track == "strict-small" else 1_000_000_000)
    return [checkpoint_name(words) for words in BABYLM_WORD_MARKS if words <= most]


def _counts(text: str) -> dict[str, int]:
    pairs = (entry.split("=") for entry in text.split())
    return {name: int(count) for name, count in pairs}


def _by_operations(**counts: tuple[int, ...]) -> dict[str, int]:
    return {
        f"{name}_{operations}_ops": count
        for name, each in counts.items()
        for operations, count in enumerate(each)
    }


_BLIMP_SIZES = _counts("""
    adjunct_island=928 anaphor_gender_agreement=971 anaphor_number_agreement=931
    animate_subject_passive=895 animate_subject_trans=923 causative=818 complex_NP_island=846
    coordinate_structure_constraint_complex_left_branch=906
    coordinate_structure_constraint_object_extraction=949 determiner_noun_agreement_1=929
    determiner_noun_agreement_2=931 determiner_noun_agreement_irregular_1=681
    determiner_noun_agreement_irregular_2=820 determiner_noun_agreement_with_adj_2=941
    determiner_noun_agreement_with_adj_irregular_1=718
    determiner_noun_agreement_with_adj_irregular_2=840
    determiner_noun_agreement_with_adjective_1=933 distractor_agreement_relational_noun=788
    distractor_agreement_relative_clause=871 drop_argument=920 ellipsis_n_bar_1=802
    ellipsis_n_bar_2=828 existential_there_object_raising=812 existential_there_quantifiers_1=930
    existential_there_quantifiers_2=911 existential_there_subject_raising=924
    expletive_it_object_raising=759 inchoative=855 intransitive=868
    irregular_past_participle_adjectives=961 irregular_past_participle_verbs=942
    irregular_plural_subject_verb_agreement_1=804 irregular_plural_subject_verb_agreement_2=892
    left_branch_island_echo_question=947 left_branch_island_simple_question=951
    matrix_question_npi_licensor_present=929 npi_present_1=909 npi_present_2=914
    only_npi_licensor_present=882 only_npi_scope=837 passive_1=840 passive_2=903
    principle_A_c_command=946 principle_A_case_1=912 principle_A_case_2=915
    principle_A_domain_1=914 principle_A_domain_2=915 principle_A_domain_3=941
    principle_A_reconstruction=967 regular_plural_subject_verb_agreement_1=890
    regular_plural_subject_verb_agreement_2=945 sentential_negation_npi_licensor_present=919
    sentential_negation_npi_scope=871 sentential_subject_island=961 superlative_quantifiers_1=979
    superlative_quantifiers_2=986 tough_vs_raising_1=948 tough_vs_raising_2=920 transitive=868
    wh_island=960 wh_questions_object_gap=859 wh_questions_subject_gap=898
    wh_questions_subject_gap_long_distance=857 wh_vs_that_no_gap=861
    wh_vs_that_no_gap_long_distance=875 wh_vs_that_with_gap=919
    wh_vs_that_with_gap_long_distance=910
""")
_SUPPLEMENT_SIZES = _counts(
    "hypernym=842 qa_congruence_easy=64 qa_congruence_tricky=165 subject_aux_inversion=3867 "
    "turn_taking=280"
)
_EWOK_SIZES = _counts(
    "agent-properties=2210 social-relations=1548 physical-relations=818 material-dynamics=770 "
    "physical-interactions=556 spatial-relations=490 social-properties=328 "
    "quantitative-properties=314 social-interactions=294 material-properties=170 "
    "physical-dynamics=120"
)
_BLIMP = ZeroShotBenchmark(
    "blimp",
    _BLIMP_SIZES,
    ("blimp_filtered", "blimp"),
    ("blimp_fast",),
    dict.fromkeys(_BLIMP_SIZES, 200),
)
_SUPPLEMENT = ZeroShotBenchmark(
    "blimp_supplement",
    _SUPPLEMENT_SIZES,
    ("blimp_supplement",),
    ("blimp_supplement_fast",),
    dict.fromkeys(_SUPPLEMENT_SIZES, 50),
)
_EWOK = ZeroShotBenchmark(
    "ewok", _EWOK_SIZES, ("ewok",), ("ewok",), dict.fromkeys(_EWOK_SIZES, 100)
)
_EWOK_2026 = replace(_EWOK, our_names=("ewok_2026",), our_fast_names=("ewok_2026",))
_ENTITIES_2025 = ZeroShotBenchmark(
    "entity_tracking",
    _by_operations(
        regular=(606, 607, 606, 606, 568, 159),
        ambiref=(607, 607, 604, 604, 615, 187),
        move_contents=(605, 606, 605, 606, 529, 156),
    ),
    ("entity_tracking",),
    ("entity_tracking",),
    _by_operations(regular=(606, 607, 606, 606, 568, 159)),
)
_ENTITIES_2026 = ZeroShotBenchmark(
    "entity_tracking_filtered",
    _by_operations(
        regular=(517, 409, 405, 425, 388, 94),
        ambiref=(508, 428, 413, 409, 434, 123),
        move_contents=(516, 437, 399, 406, 353, 116),
    ),
    ("entity_tracking",),
    ("entity_tracking",),
    _by_operations(regular=(517, 409, 405, 425, 388, 94)),
)
_COMPS = ZeroShotBenchmark(
    "comps",
    _counts("base=49340 wugs_dist_before=13896 wugs_dist_in_between=13896 wugs=13896"),
    ("comps",),
)
_READING = ZeroShotBenchmark(
    "reading", {"reading": 1726}, ("reading",), ("reading",), {"reading": 1726}
)
_WUG_ADJ = ZeroShotBenchmark(
    "wug_adj", {"wug_adj": 200}, ("wug_adj",), ("wug_adj",), {"wug_adj": 200}
)
_WUG_PAST = ZeroShotBenchmark(
    "wug_past", {"wug_past": 50}, ("wug_past",), ("wug_past",), {"wug_past": 50}
)
PIQA_LANGUAGE = "eng_latn"
_PIQA = tuple(
    ZeroShotBenchmark(name, {name: items}, (name,), (name,), {name: items}, is_by_example=True)
    for name, items in (("global_piqa_parallel", 103), ("global_piqa_nonparallel", 100))
)

FORMATS: Mapping[Year, SubmissionFormat] = {
    "2025": SubmissionFormat(
        year="2025",
        zero_shot=(
            _BLIMP, _SUPPLEMENT, _EWOK, _ENTITIES_2025, _WUG_ADJ, _WUG_PAST, _COMPS, _READING,
        ),
        aoa_key="aoa",
        aoa_contexts=8005,
        keeps_nothing=True,
    ),
    "2026": SubmissionFormat(
        year="2026",
        zero_shot=(
            _BLIMP, _SUPPLEMENT, _EWOK_2026, _ENTITIES_2026, _COMPS, *_PIQA, _READING,
        ),
        aoa_key="aoa_surprisals",
        aoa_contexts=8005,
        keeps_nothing=False,
        has_aoa_score=True,
        has_form=True,
    ),
}  # fmt: skip
