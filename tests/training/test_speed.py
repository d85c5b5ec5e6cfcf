"""What a step costs: counted by hand."""

import pytest
import torch
from small_trainings import with_training

from babyllama.models.build import new_model
from babyllama.training import speed
from babyllama.training.speed import StepCost, machine_flops, product_seconds, seconds_of_products

CPU = torch.device("cpu")


@pytest.fixture
def part(tiny_recipe):
    return with_training(tiny_recipe.pretraining("llama"), batch_size=4, micro_batch_size=2)


def cost_of(part, teacher_products=(), processes=1):
    model = new_model(part.model, 320, seed=0, separators=True)
    return StepCost(model, part.training, torch.float32, teacher_products, processes)


def test_flops_are_three_passes_over_every_matrix_and_the_teachers_products(part):
    matrices = 2 * (4 * 16 * 16 + 3 * 16 * 24) + 320 * 16  # two blocks, the head
    cost = cost_of(part, ((40, 320),))
    assert cost.tokens == 4 * 16
    assert cost.flops == 4 * 16 * (3 * 2 * matrices + 2 * 40 * 320)


def test_sam_takes_everything_twice(part, monkeypatch):
    monkeypatch.setattr(speed, "product_seconds", lambda *_: 1.0)
    plain, sam = cost_of(part), cost_of(with_training(part, optimizer={"kind": "sam"}))
    assert sam.flops == 2 * plain.flops
    assert sam.seconds_of_products() == 2 * plain.seconds_of_products()


def test_products_are_those_of_a_micro_batch_as_often_as_a_batch_has_them(part, monkeypatch):
    shapes = []

    def one_second(shape, *_):
        shapes.append(shape)
        return 1.0

    monkeypatch.setattr(speed, "product_seconds", one_second)
    model = new_model(part.model, 320, seed=0, separators=True)
    seconds = seconds_of_products(model, part.training, torch.float32, ((40, 320),))
    assert seconds == 2 * (3 * 15 + 1)  # 7 matrices a block, the head; micro-batches of 2 windows
    assert {(32, 16, 320), (32, 320, 16), (16, 32, 320), (32, 40, 320)} <= set(shapes)
    assert cost_of(part, ((40, 320),), processes=2).seconds_of_products() == seconds / 2


def test_a_products_time_is_the_fastest_of_a_few(monkeypatch):
    clock = iter([0, 0.05, 1, 1.02, 2, 2.01, 3, 3.005, 4, 4.005])
    monkeypatch.setattr(speed.time, "perf_counter", lambda: next(clock))
    assert product_seconds((2, 3, 4), torch.float32, CPU) == pytest.approx(0.005)


def test_a_long_product_is_timed_twice(monkeypatch):
    clock = iter([0, 5, 10, 12])
    monkeypatch.setattr(speed.time, "perf_counter", lambda: next(clock))
    assert product_seconds((2, 3, 4), torch.float32, CPU) == 2


def test_the_machines_speed_is_that_of_its_fastest_product(monkeypatch):
    seconds = iter([2.0, 1.0, 4.0])
    monkeypatch.setattr(speed, "product_seconds", lambda *_: next(seconds))
    assert machine_flops(torch.float32, CPU, seconds=30) == 2 * 768**3
