"""The shapes of teachers are known before they are trained."""

import torch

from babyllama.models.build import flops_per_token, new_model, planned_model
from babyllama.models.ensemble import load_ensemble
from babyllama.models.loading import load_model
from babyllama.recipe import OtherShape
from babyllama.signals.encoding import TeacherShapes

PHI = OtherShape(
    model_type="other", architecture="phi",
    settings={"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1,
              "num_attention_heads": 2, "num_key_value_heads": 2},
)  # fmt: skip


def test_planned_teachers_have_the_shapes_of_the_trained_ones(teachers, tiny_recipe):
    trained = TeacherShapes.of((load_model(folder) for folder in teachers), 320)
    planned = TeacherShapes.of(
        (planned_model(each.model, 320) for each in tiny_recipe.teachers.values()), 320
    )
    assert planned == trained
    mixture = load_ensemble(teachers, device=torch.device("cpu")).mixture
    assert trained.widths == mixture.widths
    assert trained.width == sum(mixture.widths)


def test_a_heads_bias_is_one_more_column():
    assert TeacherShapes.of([planned_model(PHI, 300)], 300).widths == (17,)


def test_products_are_a_pass_through_the_teachers_and_head_products_their_heads_alone():
    model = new_model(PHI, 300, seed=0, separators=True)
    shapes = TeacherShapes.of([model], 300)
    assert sum(2 * k * n for k, n in shapes.products) == flops_per_token(model)
    assert shapes.head_products == ((17, 300),)
