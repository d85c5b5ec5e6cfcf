"""The parts of a code's fit, each against what it should be."""

import torch

from babyllama.signals.code_fitting import (
    assign_to_groups,
    cluster,
    columns_by_group,
    group_starts,
    mean_metric,
    nearest_centre,
    predict_from_tokens,
    principal_directions,
    subsample,
    water_filling,
)


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_the_metric_is_the_curvature_of_the_kl():
    """For a small error e the KL is e^T M e / 2, on average over tokens."""
    states, head, temperature = randn(600, 5), randn(30, 5, seed=1), 2.0
    metric = mean_metric(states, head, temperature).double()
    error = 1e-3 * randn(5, seed=2).double()
    z = states.double() @ head.double().T / temperature
    moved = (states.double() + error) @ head.double().T / temperature
    log_p, log_q = torch.log_softmax(z, -1), torch.log_softmax(moved, -1)
    kl = (log_p.exp() * (log_p - log_q)).sum(-1).mean()
    torch.testing.assert_close(error @ metric @ error / 2, kl, rtol=0.01, atol=0)


def test_coordinates_are_uncorrelated_and_the_metric_is_the_identity_in_them():
    centred = randn(2000, 6) * torch.linspace(2, 0.1, 6)
    factor = randn(6, 6, seed=1)
    metric = factor @ factor.T
    directions, variances = principal_directions(centred, metric)
    coordinates = centred @ directions
    covariance = coordinates.T @ coordinates / len(coordinates)
    torch.testing.assert_close(covariance, torch.diag(variances), rtol=1e-3, atol=1e-3)
    back = torch.linalg.pinv(directions)
    torch.testing.assert_close(back @ metric @ back.T, torch.eye(6), rtol=1e-3, atol=1e-3)
    assert (variances.diff() <= 0).all()


def test_bits_sum_to_the_budget_and_equalise_what_is_left():
    variances = torch.tensor([16.0, 4.0, 1.0, 1e-6, 0.0])
    bits = water_filling(variances, 6.0)
    assert float(bits.sum()) == 6.0
    left = (variances.double() / 4**bits)[:3]
    torch.testing.assert_close(left, left[:1].expand(3))
    assert bits[3:].tolist() == [0.0, 0.0]


def test_every_coordinate_that_needs_bits_is_in_one_group():
    variances = torch.linspace(4, 0.5, 10)
    starts = group_starts(4, 10)
    groups = assign_to_groups(variances, starts, 4)
    assert groups.shape[0] == len(starts)
    members = groups[groups >= 0].tolist()
    assert len(set(members)) == len(members)
    needed = (water_filling(variances, 32) > 0).nonzero()[:, 0].tolist()
    assert sorted(members) == needed


def test_columns_follow_the_groups_with_zeros_for_the_padding():
    directions = randn(3, 3)
    found = columns_by_group(directions, torch.tensor([[2, 0], [1, -1]]))
    expected = torch.stack([directions[:, 2], directions[:, 0], directions[:, 1], torch.zeros(3)])
    assert torch.equal(found, expected.T)


def test_tokens_predict_what_they_decide_and_residuals_are_those_of_new_states():
    tokens = torch.randint(0, 20, (4000,), generator=torch.Generator().manual_seed(0))
    head, of_token = randn(20, 8), randn(20, 8, seed=1)
    noise = 0.1 * randn(4000, 8, seed=2)
    states = of_token[tokens] + noise
    centred = states - states.mean(0)
    residuals, predicted = predict_from_tokens(centred, tokens, head)
    torch.testing.assert_close(predicted[tokens], centred - noise, rtol=0, atol=0.1)
    assert 0.95 < float(residuals.std() / noise.std()) < 1.1


def test_a_token_seen_once_does_not_predict_its_own_state():
    tokens = torch.arange(50)
    centred = randn(50, 4)
    residuals, _ = predict_from_tokens(centred, tokens, randn(50, 4, seed=1))
    assert float(residuals.std()) > 0.9 * float(centred.std())


def test_clusters_are_found_and_points_belong_to_the_nearest():
    centres = 10 * randn(256, 2)
    points = centres.repeat(8, 1) + 0.01 * randn(2048, 2, seed=1)
    found = cluster(points, torch.Generator().manual_seed(0))
    error = (points - found[nearest_centre(points, found)]).norm(dim=1).mean()
    assert float(error) < 0.5  # the mean distance between neighbours is above 0.6
    distances = torch.cdist(points, found)
    own = distances.gather(1, nearest_centre(points, found)[:, None])[:, 0]
    torch.testing.assert_close(own, distances.amin(1), rtol=1e-2, atol=1e-2)


def test_a_subsample_is_of_distinct_rows_and_all_of_few():
    rows = torch.arange(100.0)[:, None]
    found = subsample(rows, 30, torch.Generator().manual_seed(0))
    assert len(found.unique()) == 30
    assert subsample(rows, 100, torch.Generator()) is rows
