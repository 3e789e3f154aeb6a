"""What is asked of the latents of all images together: that they lie as the prior does, or that their dimensions are
independent. Each term is one number, the same for every image, over the images of all processes.

Shapes: b images of this process, n of all, d latent dimensions.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from aezoo.bottlenecks.gaussian import log_density, moments
from aezoo.errors import CompositionError
from aezoo.latent import Output
from aezoo.losses.context import Context
from aezoo.modes import in_float32

SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Of the kernels of `mmd`, which are summed: shares of the squared distance of two standard normal latents, 2 d."""
AT_ONCE = 2**24
"""Numbers of the differences between latents, all pairs and dimensions, that are held at a time."""
KERNELS: dict[str, Callable[[Tensor, float], Tensor]] = {
    "imq": lambda square, scale: scale / (scale + square),
    "rbf": lambda square, scale: torch.exp(-square / scale),
}


def mmd(
    output: Output,
    images: Float[Tensor, "b c h w"],
    context: Context,
    *,
    kernel: str = "imq",
    scales: tuple[float, ...] = SCALES,
) -> Float[Tensor, " b"]:
    """The squared maximum mean discrepancy of the latents from as many samples of the prior (Gretton et al. 2012).

    The U-statistic, which is unbiased and may be negative. A kernel is a sum over ``scales`` s of a function of the
    squared distance: ``2 d s / (2 d s + |a - b|^2)``, the inverse multiquadratic of Wasserstein autoencoders
    (Tolstikhin et al. 2018, arXiv 1711.01558), or ``exp(-|a - b|^2 / (2 d s))``, the ``"rbf"`` of InfoVAE (Zhao et al.
    2019, arXiv 1706.02262), which has one scale, d / 2: ``mmd(kernel="rbf", scales=...)``. Nothing of the prior learns
    by it.

    Raises:
        CompositionError: there is one image alone.
    """
    z, mine = _gathered(output.latent.z, context)
    assert context.model.prior is not None
    with torch.no_grad():  # a prior that learns, learns by `kl`: here it is what latents are to be like
        drawn = context.model.prior.sample(tuple(output.latent.z.shape), context.model, context.generator)
    drawn = context.gather(drawn.float().flatten(1).to(z))

    def total(a: Tensor, b: Tensor) -> Tensor:
        square = torch.cat([(some - b).square().sum(2) for some in a[:, None].split(_rows(b))])  # (n, n)
        return torch.stack([KERNELS[kernel](square, 2 * z.shape[1] * scale) for scale in scales]).sum(0)

    n = len(z)
    # Twice a sum over pairs, once each: what an image has with itself is left out.
    within = sum(total(x, x).fill_diagonal_(0).sum() for x in (z, drawn)) / (n * (n - 1))
    return (within - 2 * total(z, drawn).mean()).expand(mine)


def tc(output: Output, images: Float[Tensor, "b c h w"], context: Context) -> Float[Tensor, " b"]:
    """The total correlation of the aggregated posterior in nats, ``KL(q(z) | prod_j q(z_j))`` (Chen et al. 2018, arXiv
    1802.04942).

    ``q(z)`` is the mean of the posteriors of all N training images, of which a batch shows n. The value is that of
    stratified sampling: the image's own posterior counts 1 / N, the others share the rest; it is exact where n = N. The
    gradient is that of the paper's weighted sampling, ``log sum_j q(z | x_j)``, whose value is far off.

    Raises:
        CompositionError: there is one image alone, or the context does not say what N is.
    """
    latent = output.latent
    mean, logvar = moments(output.latent)
    mean, mine = _gathered(mean, context)
    if context.dataset_size is None:
        raise CompositionError(
            "tc is of all training images, of which a batch shows some, and nothing says how many there are: "
            "give the objective a Context(dataset_size=...)"
        )
    logvar = context.gather(logvar.float().flatten(1))
    z = context.gather(latent.z.float().flatten(1))
    n = len(z)
    images_of_all = max(context.dataset_size, n)
    share = torch.full((n, n), (images_of_all - 1) / (images_of_all * (n - 1)), device=z.device)
    share = share.fill_diagonal_(1 / images_of_all).log()

    def correlations(z: Float[Tensor, "m 1 d"], share: Float[Tensor, "m n"]) -> Float[Tensor, " m"]:
        each = log_density(z, mean, logvar)  # (m, n, d)
        stratified, weighted = (
            (each.sum(2) + weight).logsumexp(1) - (each + weight[:, :, None]).logsumexp(1).sum(1)
            for weight in (share, torch.zeros_like(share))
        )
        return stratified.detach() + weighted - weighted.detach()

    some = zip(z[:, None].split(_rows(mean)), share.split(_rows(mean)), strict=True)
    return torch.cat([correlations(*each) for each in some]).mean().expand(mine)


def dip_i(
    output: Output, images: Float[Tensor, "b c h w"], context: Context, *, diagonal: float = 10.0
) -> Float[Tensor, " b"]:
    """``sum over i != j of C_ij^2 + diagonal * sum over i of (C_ii - 1)^2``, C being the covariance of the posteriors'
    means over the batch: DIP-VAE-I (Kumar et al. 2018, arXiv 1711.00848).

    Raises:
        CompositionError: there is one image alone.
    """
    mean, mine = _gathered(moments(output.latent)[0], context)
    return _off(_covariance(mean), diagonal).expand(mine)


def dip_ii(
    output: Output, images: Float[Tensor, "b c h w"], context: Context, *, diagonal: float = 1.0
) -> Float[Tensor, " b"]:
    """As `dip_i`, C being the covariance of ``z`` itself: that of the means, and the mean of the posteriors' variances.

    Raises:
        CompositionError: there is one image alone.
    """
    mean, logvar = moments(output.latent)
    mean, mine = _gathered(mean, context)
    variance = context.gather(logvar.float().flatten(1)).exp().mean(0)
    return _off(_covariance(mean) + torch.diag(variance), diagonal).expand(mine)


def _rows(others: Float[Tensor, "n d"]) -> int:
    """How many latents are compared with all others at a time."""
    return max(1, AT_ONCE // others.numel())


def _covariance(x: Float[Tensor, "n d"]) -> Float[Tensor, "d d"]:
    centred = x - x.mean(0)
    with in_float32(x):
        return centred.T @ centred / len(x)


def _off(covariance: Float[Tensor, "d d"], diagonal: float) -> Tensor:
    own = covariance.diagonal()
    return covariance.square().sum() - own.square().sum() + diagonal * (own - 1).square().sum()


def _gathered(of_images: Float[Tensor, "b ..."], context: Context) -> tuple[Float[Tensor, "n d"], int]:
    """Of all processes, flat; and how many images are this one's."""
    whole = context.gather(of_images.float().flatten(1))
    if len(whole) < 2:
        raise CompositionError("the loss compares latents of several images: it needs at least two in a batch")
    return whole, len(of_images)
