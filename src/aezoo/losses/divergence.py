"""How far the posterior is from the prior. The prior has done the mathematics: ``latent.terms["kl"]``."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from aezoo.errors import CompositionError, OptionError
from aezoo.latent import Output
from aezoo.losses.context import Context


def kl(
    output: Output,
    images: Float[Tensor, "b c h w"],
    context: Context,
    *,
    free_bits: float = 0.0,
    capacity: float = 0.0,
    rise: int = 0,
) -> Float[Tensor, " b"]:
    """The divergence of each image's posterior from the prior, in nats, summed over the latent's dimensions.

    With ``free_bits`` a dimension that costs less than that many nats on average over the global batch is not pressed
    down further: ``sum over j of max(free_bits, mean over b of KL_j)`` (Kingma et al. 2016, arXiv 1606.04934,
    appendix C.8). With a ``capacity`` C it is ``|KL - C|`` of that average, C rising from zero over the first ``rise``
    steps (Burgess et al. 2018, arXiv 1804.03599, equation 8). Either is one number, the same for every image.

    Raises:
        OptionError: ``rise`` without a capacity.
        CompositionError: ``free_bits``, and the prior's divergence is of the whole latent, as that of `mixture` is.
    """
    if rise and not capacity:
        raise OptionError(f"kl(rise={rise}) is of a capacity, and there is none: did you mean kl(warmup={rise})?")
    divergence = output.latent.terms["kl"].float().flatten(1)  # (b, d)
    if not free_bits and not capacity:
        return divergence.sum(1)
    if free_bits and divergence.numel() != output.latent.z.numel():
        raise CompositionError(
            f"kl(free_bits={free_bits}) is of each dimension, and the divergence from this prior of the whole latent: "
            "take prior standard, or kl(capacity=...)"
        )
    average = context.gather(divergence).mean(0)
    average = (average.clamp(min=free_bits) if free_bits else average).sum()
    if capacity:
        average = (average - capacity * (min(1.0, (context.step + 1) / rise) if rise else 1.0)).abs()
    return average.expand(len(divergence))
