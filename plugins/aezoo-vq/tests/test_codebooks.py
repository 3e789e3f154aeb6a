"""Codebooks that learn: whose gradient goes where, what a step moves, what mends a codebook that dies."""

import numpy as np
import pytest
import torch

from aezoo.errors import CompositionError, DataError
from aezoo.losses.context import alone
from aezoo.noise import passes
from aezoo_vq.codebooks import ResidualVectorQuantizer, SimVectorQuantizer, VectorQuantizer
from aezoo_vq.quantizer import nearest

from .conftest import plain

SHAPE = (4, 3, 2)


def make(kind=VectorQuantizer, **options):
    torch.manual_seed(0)
    part = plain(kind(SHAPE, dim=4, **{"codebook_size": 6, **options})).train()
    for book in getattr(part, "books", [getattr(part, "codebook", None)]):
        if book is not None:
            book.book.embed.normal_()
    return part


EACH = pytest.mark.parametrize("kind", [VectorQuantizer, ResidualVectorQuantizer, SimVectorQuantizer])


@EACH
def test_autocast_rounds_no_code(kind, features):
    part = make(kind)
    with torch.autocast("cpu", torch.bfloat16):
        latent = part(features)
    assert torch.equal(latent.z, part.lookup(latent.codes))


def rows_of(features):
    return features.detach().movedim(1, -1).flatten(0, -2)


@EACH
def test_the_gradient_of_z_is_that_of_the_features_and_z_the_codes(kind, features):
    part = make(kind)
    latent = part(features)
    gradient = torch.randn(latent.z.shape)
    assert torch.equal(torch.autograd.grad(latent.z, features, gradient)[0], gradient)
    assert torch.equal(latent.z, part.lookup(latent.codes))


@pytest.mark.parametrize("kind", [VectorQuantizer, SimVectorQuantizer])
def test_commitment_moves_the_features_alone(kind, features):
    part = make(kind)
    latent = part(features)
    latent.terms["commitment"].sum().backward()
    torch.testing.assert_close(features.grad, 2 * (features - latent.z).detach())
    assert [name for name, each in part.named_parameters() if each.grad is not None] == [
        "project.weight",
        "project.bias",
    ]


def test_the_term_codebook_moves_the_codes_alone(features):
    part = make(SimVectorQuantizer)
    part(features).terms["codebook"].sum().backward()
    assert features.grad is None or not features.grad.any()
    assert part.points.code_transform.weight.grad.any()


def test_of_simvq_the_points_stay_and_the_layer_learns(features):
    part = make(SimVectorQuantizer)
    before = {name: value.clone() for name, value in part.points.state_dict().items()}
    optimizer = torch.optim.SGD(part.parameters(), 0.1)
    part(features).terms["codebook"].sum().backward()
    optimizer.step()
    changed = [name for name, value in part.points.state_dict().items() if not torch.equal(value, before[name])]
    assert changed == ["code_transform.weight"]
    assert "frozen_codebook" in before


def test_codes_are_the_nearest():
    rows, book = torch.randn(7, 2, 4), torch.randn(9, 4)
    expected = ((rows.numpy()[:, :, None] - book.numpy()) ** 2).sum(-1).argmin(-1)
    assert np.array_equal(nearest(rows, book), expected)


def test_a_step_moves_the_averages_as_they_are_defined(features):
    part = make(init="random", restart=0.0, decay=0.75)
    book, rows = part.codebook.book, rows_of(features)
    average = book.embed_avg[0].clone()
    one_hot = torch.nn.functional.one_hot(part(features).codes.flatten(), 6).float()
    part.step(alone)
    counts = 0.75 + 0.25 * one_hot.sum(0)
    sums = 0.75 * average + 0.25 * one_hot.T @ rows
    smooth = (counts + 1e-5) / (counts.sum() + 6e-5) * counts.sum()  # no code is divided by zero
    torch.testing.assert_close(book.cluster_size[0], counts)
    torch.testing.assert_close(book.embed[0], sums / smooth[:, None])
    assert not part.codebook.counts.any()
    assert not part.codebook.sums.any()


def test_kmeans_starts_where_each_code_is_the_mean_of_its_rows(features):
    part = make(codebook_size=3)
    with passes(collects=False):
        part(features)
    part.step(alone)
    assert not part.codebook.book.initted
    part(features)
    part.step(alone)
    assert part.codebook.book.initted
    rows, codes = rows_of(features), part(features).codes.flatten()
    for code in range(3):
        torch.testing.assert_close(part.codebook.book.embed[0, code], rows[codes == code].mean(0), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("restart", [0.0, 0.5])
def test_a_code_that_nothing_is_near_to_becomes_a_row(features, restart):
    part = make(init="random", restart=restart, decay=0.0)
    part.codebook.book.embed[0, 5] = part.codebook.book.embed_avg[0, 5] = 1000
    part(features)
    part.step(alone)
    is_row = (rows_of(features) == part.codebook.book.embed[0, 5]).all(1).any()
    assert is_row == bool(restart)


def test_without_a_step_candidates_do_not_pile_up(features, monkeypatch):
    monkeypatch.setattr("aezoo_vq.codebooks.CANDIDATES", 40)
    part = make()
    for _ in range(3):
        part(features)
    assert len(part.codebook.candidates) == 40


def test_rows_of_all_processes_are_candidates(features):
    for rank in range(2):
        part, added = make(), []
        with passes(rank=rank, world=2):
            part(features)
            part(features)  # the second part of a batch
            part.step(lambda tensor, added=added: added.append(tensor) or tensor)
        own = added[-1].unflatten(0, (2, -1))
        assert len(own[rank]) == 2 * 5 * 3 * 2
        assert own[rank].any()
        assert not own[1 - rank].any()


def test_on_the_sphere_commitment_is_two_less_the_cosines(features):
    part = make(cosine=True, init="random")
    part.codebook.book.embed[0] = torch.nn.functional.normalize(part.codebook.book.embed[0], dim=-1)
    latent = part(features)
    assert torch.allclose(latent.z.norm(dim=1), torch.ones(5, 3, 2))
    cosines = torch.nn.functional.cosine_similarity(features, latent.z, dim=1)
    torch.testing.assert_close(latent.terms["commitment"].sum(1), 2 - 2 * cosines)


def test_residual_codes_add_up_and_each_layer_commits_to_the_sum_so_far(features):
    part = make(ResidualVectorQuantizer, num_quantizers=3)
    latent = part(features)
    points = [book.book.embed[0][codes] for book, codes in zip(part.books, latent.codes.unbind(1), strict=True)]
    sums = torch.stack(points).cumsum(0).movedim(-1, 2)  # (depth, b, d, h, w)
    torch.testing.assert_close(latent.z, sums[-1])
    torch.testing.assert_close(latent.terms["commitment"], (features - sums).square().movedim(0, 1))


def test_bits():
    assert VectorQuantizer(SHAPE, codebook_size=8).bits == 6 * 3
    assert ResidualVectorQuantizer(SHAPE, codebook_size=8, num_quantizers=5).bits == 6 * 5 * 3
    assert ResidualVectorQuantizer((4,), codebook_size=8, num_quantizers=5).bits == 5 * 3


def test_a_codebook_that_dies_is_named():
    part = VectorQuantizer((4, 8, 8), codebook_size=64, dim=4).eval()
    part.project.weight.data.zero_()
    latent = part(torch.randn(4, 4, 8, 8))
    said = "codebook collapsed: 256 positions of 4 images use 1 of 64 codes; vq(cosine=True) or fewer codes"
    assert part.diagnose(latent)["codebook"].startswith(said)  # the other cures are its defaults
    bare = VectorQuantizer((4, 8, 8), codebook_size=64, dim=4, init="random", restart=0, cosine=True).eval()
    assert "; vq(init='kmeans') or vq(restart=0.1) or fewer codes" in bare.diagnose(latent)["codebook"]
    latent.codes = torch.arange(256).view(4, 8, 8) % 64
    assert part.diagnose(latent) == {}


def test_features_that_are_no_map_and_no_vector():
    with pytest.raises(CompositionError, match=r"of a map \(c, h, w\) or of a vector \(c,\), not of \(4, 9\)"):
        VectorQuantizer((4, 9))


def test_codes_of_several_codebooks_are_checked_each():
    part = make(ResidualVectorQuantizer, num_quantizers=2)
    with pytest.raises(DataError, match=r"looks up \(b, 2, 3, 2\)"):
        part.lookup(torch.zeros(1, 3, 3, 2, dtype=torch.int64))
    with pytest.raises(DataError, match="from 0 to 5"):
        part.lookup(torch.full((1, 2, 3, 2), 6))


def test_each_residual_codebook_begins_on_what_the_last_leaves():
    features = 3 + torch.randn(256, 4, 3, 2, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    part = plain(ResidualVectorQuantizer(SHAPE, dim=4, codebook_size=16, num_quantizers=3)).train()
    for book in range(3):
        assert [each.has_begun for each in part.books] == [at < book for at in range(3)]
        part(features)
        part.step(alone)
    errors = part(features).terms["commitment"].mean((0, 2, 3, 4)).tolist()
    assert errors[0] < 0.5
    assert errors[2] < 0.6 * errors[1] < 0.4 * errors[0]
