"""The hyperspherical bottleneck: latents on the unit sphere, each posterior a von Mises-Fisher distribution (Davidson
et al. 2018, arXiv 1804.00891), whose concentration says how sure it is.

Shapes: b images, n samples, m the dimensions of the space around the sphere, which has one less.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn
from torch.nn import functional as F

from aezoo.bottlenecks.base import Bottleneck
from aezoo.latent import Latent
from aezoo.noise import Generators, check_count, noise, training_noise

PROPOSALS = 24
"""Tries of the rejection sampler, made at once. At least two of three are accepted: one sample in 10^11 has none."""
_ORDER = 32  # from which on the expansion for large orders is good to 1e-9
_NODES, _WEIGHTS = (torch.from_numpy(each) for each in np.polynomial.legendre.leggauss(64))
_REACH = 12  # deviations of the angle beyond which its density is nothing
_CONCENTRATION = "concentration"


class HypersphericalBottleneck(Bottleneck):
    """Features to a direction and a concentration of at least 1, by a linear layer each from the flattened features.

    ``z`` is the direction in ``eval()`` (the mean lies within the sphere), a sample in ``train()``.

    Args:
        feature_shape: of one image's features.
        dim: m.
    """

    def __init__(self, feature_shape: tuple[int, ...], *, dim: int = 16) -> None:
        super().__init__()
        self.latent_shape = (dim,)
        self.mean = nn.Linear(math.prod(feature_shape), dim)
        self.concentration = nn.Linear(math.prod(feature_shape), 1)

    def forward(self, features: Float[Tensor, "b ..."]) -> Latent:
        features = features.flatten(1)
        mean = F.normalize(self.mean(features).float(), dim=1)
        return Latent(mean, mean, terms={_CONCENTRATION: F.softplus(self.concentration(features).float()) + 1})

    def draw(self, latent: Latent) -> Latent:
        like = latent.z.new_empty(len(latent.z), _noise_of(latent.z.shape[1]))
        z = _sample(*_parameters(latent), training_noise(like)[None])[0]
        return Latent(z, latent.mean, terms=dict(latent.terms))

    def sample(self, latent: Latent, n: int = 1, generator: Generators = None) -> Float[Tensor, "n b m"]:
        check_count(n)
        like = latent.z.new_empty(()).expand(n, len(latent.z), _noise_of(latent.z.shape[1]))
        return _sample(*_parameters(latent), noise(like, generator))

    def log_posterior(self, z: Float[Tensor, "*n b m"], latent: Latent) -> Float[Tensor, "*n b"]:
        """ln q(z | x) in nats, a density of the sphere's surface."""
        mean, concentration = _parameters(latent)
        constant, _ = normaliser(_double(concentration)[:, 0], mean.shape[1])
        return _like(z, constant) + (concentration[:, 0] * (mean * z).sum(-1))


def normaliser(concentration: Float64[Tensor, " b"], m: int) -> tuple[Float64[Tensor, " b"], Float64[Tensor, " b"]]:
    """``ln C`` of the density ``C exp(concentration * mean . z)``, and the length of the distribution's mean.

    ``C = k^v / ((2 pi)^(m/2) I_v(k))`` with ``v = m/2 - 1``; the length is ``I_(v+1)(k) / I_v(k)``. The Bessel
    functions are those of a large order, by Olver's expansion (DLMF 10.41.3), and from there down by the recurrence,
    which is stable in that direction.
    """
    order = m / 2 - 1
    steps = max(0, math.ceil(_ORDER - order))
    last = _log_bessel(order + steps, concentration)
    ratio = torch.exp(last - _log_bessel(order + steps + 1, concentration))  # of an order to the next
    log_bessel = last
    for step in range(steps - 1, -1, -1):
        ratio = 2 * (order + step + 1) / concentration + 1 / ratio
        log_bessel = log_bessel + ratio.log()
    return order * concentration.log() - m / 2 * math.log(2 * math.pi) - log_bessel, 1 / ratio


def log_surface(m: int) -> float:
    """The logarithm of the unit sphere's surface in m dimensions."""
    return math.log(2) + m / 2 * math.log(math.pi) - math.lgamma(m / 2)


def divergence(latent: Latent) -> Float[Tensor, "b 1"]:
    """Of each posterior from the uniform distribution on the sphere, in nats: its entropy, less."""
    mean, concentration = _parameters(latent)
    k, m = _double(concentration)[:, 0], mean.shape[1]
    constant, length = normaliser(k, m)
    return _like(mean, k * length + constant + log_surface(m))[:, None]


def _log_bessel(order: float, x: Float64[Tensor, " b"]) -> Float64[Tensor, " b"]:
    """``ln I_order(x)`` for a large order."""
    root = torch.sqrt(1 + (x / order).square())
    p = 1 / root
    q = p.square()
    terms = (
        p * (3 - 5 * q) / 24,
        q * (81 + q * (-462 + 385 * q)) / 1152,
        p * q * (30375 + q * (-369603 + q * (765765 - 425425 * q))) / 414720,
        q * q * (4465125 + q * (-94121676 + q * (349922430 + q * (-446185740 + 185910725 * q)))) / 39813120,
    )
    series = sum(term / order**power for power, term in enumerate(terms, 1))
    exponent = order * (root + torch.log(x / order) - torch.log1p(root))
    return exponent - 0.5 * (math.log(2 * math.pi * order) + root.log()) + torch.log1p(torch.as_tensor(series))


def _double(x: Tensor) -> Tensor:
    """In float64, on the CPU where the device has none."""
    return (x.cpu() if x.device.type == "mps" else x).double()


def _like(wanted: Tensor, x: Tensor) -> Tensor:
    """What `_double` began, where it is wanted; in this order back too, as its gradient goes this way."""
    return x.to(wanted.dtype).to(wanted.device)


def _noise_of(m: int) -> int:
    """Normal numbers that a sample takes: of each try two chi-squares and a probability; and a direction."""
    return PROPOSALS * (2 * (m - 1) + 1) + m


def _sample(
    mean: Float[Tensor, "b m"], concentration: Float[Tensor, "b 1"], drawn: Float[Tensor, "n b r"]
) -> Float[Tensor, "n b m"]:
    """Samples from normal numbers: how far along the mean by rejection (Wood 1994), and an even direction across it.

    The gradient is exact: that of the position along the mean, in the concentration, is the implicit one.
    """
    m, concentrations, drawn = mean.shape[1], _double(concentration), _double(drawn)
    fixed = concentrations.detach()
    tries, across = drawn[..., :-m].unflatten(-1, (PROPOSALS, 2 * m - 1)), drawn[..., -m:]
    along = _along(fixed, m, tries)
    along = along + _slope(along, fixed[:, 0], m) * (concentrations - fixed)[:, 0]
    direction = F.normalize(_double(mean), dim=-1)  # to the last digit
    across = F.normalize(across - (across * direction).sum(-1, keepdim=True) * direction, dim=-1)
    along = along[..., None]
    return _like(mean, along * direction + torch.sqrt((1 - along) * (1 + along)) * across)


def _along(k: Float64[Tensor, "b 1"], m: int, tries: Float64[Tensor, "n b p r"]) -> Float64[Tensor, "n b"]:
    """The cosine with the mean, of the first try that is accepted."""
    b = (m - 1) / (2 * k + torch.sqrt(4 * k.square() + (m - 1) ** 2))
    first, second = tries[..., :-1].square().unflatten(-1, (2, m - 1)).sum(-1).unbind(-1)  # chi-squares
    beta = first / (first + second)  # of both shapes (m - 1) / 2
    w = (1 - (1 + b) * beta) / (1 - (1 - b) * beta)
    mode = (1 - b) / (1 + b)
    bound = k * mode + (m - 1) * torch.log1p(-mode.square())
    accepted = k * w + (m - 1) * torch.log1p(-mode * w) - bound >= torch.special.log_ndtr(tries[..., -1])
    return w.gather(-1, accepted.long().argmax(-1, keepdim=True))[..., 0].clamp(-1 + 1e-12, 1 - 1e-12)


def _slope(w: Float64[Tensor, "n b"], k: Float64[Tensor, " b"], m: int) -> Float64[Tensor, "n b"]:
    """dw/dk at a constant share of the distribution below w: ``-(dF/dk) / f``, F's derivative being an integral of
    ``(t - its mean) f(t)``, taken on the side of w where f falls.
    """
    _, length = normaliser(k, m)
    angle, deviation = torch.acos(w), 1 / torch.sqrt(k + m)
    top = torch.acos((torch.sqrt(4 * k.square() + (m - 2) ** 2) - (m - 2)) / (2 * k))
    beyond = angle > top
    end = torch.where(
        beyond, (angle + _REACH * deviation).clamp(max=math.pi), (angle - _REACH * deviation).clamp(min=0)
    )
    half = (end - angle)[..., None] / 2
    at = angle[..., None] + half * (1 + _NODES.to(w.device))  # (n, b, nodes)
    power = k[:, None] * (at.cos() - w[..., None]) + (m - 2) * (at.sin().log() - angle.sin().log()[..., None])
    integral = (half * _WEIGHTS.to(w.device) * (at.cos() - length[:, None]) * power.exp()).sum(-1)
    # Both ways it is minus the integral from w's angle to where nothing is left; dt is -sin of the angle.
    return -integral * angle.sin()


def _parameters(latent: Latent) -> tuple[Tensor, Tensor]:
    assert latent.mean is not None
    return latent.mean, latent.terms[_CONCENTRATION]
