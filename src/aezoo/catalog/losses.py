"""The built-in loss terms."""

from aezoo.plain import Option
from aezoo.specs import WARMUP, LossSpec

SPECS = (
    LossSpec(
        name="nll",
        summary="Negative log-likelihood of the images, by the model's own likelihood",
        implementation="aezoo.losses.reconstruction:nll",
        needs=("nll",),
    ),
    LossSpec(
        name="bce",
        summary="Bernoulli cross-entropy from logits: a likelihood where the images are binary",
        implementation="aezoo.losses.reconstruction:bce",
        needs=("logits",),
    ),
    LossSpec(
        name="continuous-bernoulli",
        summary="Continuous Bernoulli: a likelihood of grey levels (Loaiza-Ganem & Cunningham 2019)",
        implementation="aezoo.losses.reconstruction:continuous_bernoulli",
        needs=("logits",),
    ),
    LossSpec(
        name="gaussian-nll",
        summary="Gaussian of fixed deviation around the reconstruction, the full density",
        implementation="aezoo.losses.reconstruction:gaussian_nll",
        options=(
            Option(
                name="sigma",
                type="float",
                default=0.1,
                low=1e-3,
                help="standard deviation of a pixel; the best one is the root of the mse",
            ),
        ),
    ),
    LossSpec(
        name="l2",
        summary="Sum of squared errors",
        implementation="aezoo.losses.reconstruction:l2",
        unit="squared error",
    ),
    LossSpec(
        name="l1",
        summary="Sum of absolute errors",
        implementation="aezoo.losses.reconstruction:l1",
        unit="absolute error",
    ),
    LossSpec(
        name="kl",
        summary="Divergence of the posterior from the prior, with optional free bits (Kingma et al. 2016)",
        implementation="aezoo.losses.divergence:kl",
        options=(
            Option(
                name="free_bits", type="float", default=0.0, low=0.0, help="nats of each dimension that cost nothing"
            ),
            WARMUP,
        ),
        needs=("kl",),
        coupled=True,  # with free bits; without them each image stands alone
    ),
)
