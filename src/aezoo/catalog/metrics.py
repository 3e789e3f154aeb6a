"""The built-in metrics.

``needs`` names what the model provides (``logits``, ``kl``; ``nll`` only where its likelihood is one of these images)
and what the images are: ``binary`` (every pixel is 0 or 1) or ``grey`` (some pixel, of whatever colour, lies between).
"""

from aezoo.plain import Option
from aezoo.specs import MetricSpec

SPECS = (
    MetricSpec(
        name="mse",
        summary="Mean squared error of a pixel, from the posterior mean",
        implementation="aezoo.metrics.reconstruction:mse",
        better="lower",
    ),
    MetricSpec(
        name="psnr",
        summary="Peak signal-to-noise ratio from the posterior mean, averaged over images, at most 100",
        implementation="aezoo.metrics.reconstruction:psnr",
        unit="dB",
        better="higher",
    ),
    MetricSpec(
        name="psnr_pooled",
        summary="Peak signal-to-noise ratio of the mean squared error over all images, at most 100",
        implementation="aezoo.metrics.reconstruction:PooledPsnr",
        unit="dB",
        better="higher",
        when="asked",
        takes=("reconstruction", "images"),
    ),
    MetricSpec(
        name="mae",
        summary="Mean absolute error of a pixel, from the posterior mean",
        implementation="aezoo.metrics.reconstruction:mae",
        better="lower",
        when="asked",
    ),
    MetricSpec(
        name="ssim",
        summary="Structural similarity (Wang et al. 2004), from the posterior mean",
        implementation="aezoo.metrics.reconstruction:ssim",
        better="higher",
        when="asked",
    ),
    MetricSpec(
        name="ms-ssim",
        summary="Structural similarity over as many of five scales as fit (Wang et al. 2003), from the posterior mean",
        implementation="aezoo.metrics.reconstruction:ms_ssim",
        options=(
            Option(
                name="bordered",
                type="bool",
                default=False,
                help="the last scale counts every pixel, reflected beyond the border, as in torchmetrics",
            ),
        ),
        better="higher",
        when="asked",
    ),
    MetricSpec(
        name="gradient_energy",
        summary="Gradient energy of the reconstruction over the image's: below 1 it is blurred, or pale",
        implementation="aezoo.metrics.blur:gradient_energy",
        when="asked",
    ),
    MetricSpec(
        name="sharpness",
        summary="The same at equal contrast: below 1 it is blurred, however pale",
        implementation="aezoo.metrics.blur:sharpness",
        when="asked",
        revision=2,
    ),
    MetricSpec(
        name="bce",
        summary="Cross-entropy of an image, from seeded posterior samples",
        implementation="aezoo.metrics.reconstruction:bce",
        needs=("logits",),
        unit="nats",
        better="lower",
    ),
    MetricSpec(
        name="bce_mean",
        summary="Cross-entropy of an image, from the posterior mean",
        implementation="aezoo.metrics.reconstruction:bce_mean",
        needs=("logits",),
        unit="nats",
        better="lower",
    ),
    MetricSpec(
        name="bce_excess",
        summary="bce less the image's own entropy, its floor where the image is not binary",
        implementation="aezoo.metrics.reconstruction:bce_excess",
        needs=("logits", "grey"),
        unit="nats",
        better="lower",
    ),
    MetricSpec(
        name="nll",
        summary="Negative log-likelihood by the model's own likelihood, from seeded posterior samples",
        implementation="aezoo.metrics.reconstruction:nll",
        needs=("nll",),
        unit="nats",
        better="lower",
    ),
    MetricSpec(
        name="kl",
        summary="Divergence of the posterior from the prior: near 0 it has collapsed",
        implementation="aezoo.metrics.reconstruction:kl",
        needs=("kl",),
        unit="nats",
    ),
    MetricSpec(
        name="elbo",
        summary="-(nll + kl), a lower bound of the log-likelihood, by the model's own likelihood",
        implementation="aezoo.metrics.reconstruction:elbo",
        needs=("nll", "kl", "posterior"),
        unit="nats",
        better="higher",
    ),
    MetricSpec(
        name="nll_is",
        summary="Negative log-likelihood by importance sampling, from the posterior (Burda et al. 2016)",
        implementation="aezoo.metrics.importance:ImportanceNll",
        options=(Option(name="samples", type="int", default=200, low=1, help="of the posterior of each image"),),
        needs=("nll", "posterior", "prior"),
        unit="nats",
        better="lower",
        when="asked",
        takes=("batch", "mean", "model", "seeds"),
    ),
    MetricSpec(
        name="rank",
        summary="Effective rank of the latents: over how many directions they spread (Roy & Vetterli 2007)",
        implementation="aezoo.metrics.spectrum:EffectiveRank",
        options=(
            Option(name="centred", type="bool", default=True, help="without their mean; False: as RankMe has it"),
        ),
        unit="dimensions",
        when="asked",
        takes=("z",),
    ),
    MetricSpec(
        name="kl_dims",
        summary="kl of each latent dimension, of a map of each channel",
        implementation="aezoo.metrics.latents:kl_dims",
        needs=("kl",),
        unit="nats",
        when="asked",
    ),
    MetricSpec(
        name="active_units",
        summary="Latent numbers whose posterior mean has a variance over 0.01, and over 0.1 (Burda et al. 2016)",
        implementation="aezoo.metrics.latents:ActiveUnits",
        unit="dimensions",
        when="asked",
        takes=("z",),
    ),
    MetricSpec(
        name="mutual_information",
        summary="What z says of which image it is of, at most the ceiling ln n (Hoffman & Johnson 2016)",
        implementation="aezoo.metrics.latents:MutualInformation",
        options=(
            Option(name="images", type="int", default=5000, low=2, help="of the set, at most"),
            Option(name="seed", type="int", default=0, low=0, help="by which these are drawn"),
        ),
        revision=2,  # before, others were drawn of more than `images`
        needs=("posterior",),
        unit="nats",
        when="asked",
        takes=("sampled", "model"),
    ),
    MetricSpec(
        name="floats",
        summary="Numbers in the latent of an image",
        implementation="aezoo.metrics.latents:floats",
        when="asked",
        takes=("z",),
    ),
    MetricSpec(
        name="bits",
        summary="Bits that the codes of an image take",
        implementation="aezoo.metrics.latents:bits",
        revision=2,  # before, those of images of the model's own size
        needs=("codes",),
        unit="bits",
        when="asked",
        takes=("codes", "model"),
    ),
)
