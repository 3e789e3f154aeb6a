"""The built-in loss terms."""

from aezoo.plain import Option
from aezoo.specs import RISE, START, WARMUP, LossSpec

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
        name="charbonnier",
        summary="Sum of absolute errors, round at zero (Charbonnier et al. 1994)",
        implementation="aezoo.losses.reconstruction:charbonnier",
        options=(Option(name="eps", type="float", default=1e-3, low=1e-6, help="the width of the round part"),),
        unit="absolute error",
    ),
    LossSpec(
        name="ssim",
        summary="Lack of structural similarity, as many times as there are values (Wang et al. 2004)",
        implementation="aezoo.losses.structure:ssim",
        unit="lost similarity",
    ),
    LossSpec(
        name="ms-ssim",
        summary="The same over several scales (Wang et al. 2003)",
        implementation="aezoo.losses.structure:ms_ssim",
        unit="lost similarity",
    ),
    LossSpec(
        name="focal-frequency",
        summary="Squared error of the spectrum, large errors weighing more (Jiang et al. 2021)",
        implementation="aezoo.losses.structure:focal_frequency",
        options=(
            Option(name="alpha", type="float", default=1.0, low=0.0, help="the power of the weight; 0: squared error"),
        ),
        unit="squared error",
    ),
    LossSpec(
        name="kl",
        summary="Divergence of the posterior from the prior; free bits (Kingma et al. 2016), capacity (Burgess 2018)",
        implementation="aezoo.losses.divergence:kl",
        options=(
            Option(
                name="free_bits", type="float", default=0.0, low=0.0, help="nats of each dimension that cost nothing"
            ),
            Option(name="capacity", type="float", default=0.0, low=0.0, help="nats an image to hold it at; 0: none"),
            RISE,
            WARMUP,
        ),
        needs=("kl",),
        coupled=("free_bits", "capacity"),
    ),
    LossSpec(
        name="iwae",
        summary="Importance-weighted bound, in the place of nll + kl (Burda et al. 2016)",
        implementation="aezoo.losses.bound:iwae",
        options=(Option(name="samples", type="int", default=5, low=1, help="of the posterior, an image"),),
        needs=("nll", "posterior", "prior"),
        excludes=("nll", "bce", "continuous-bernoulli", "gaussian-nll", "kl"),
    ),
    LossSpec(
        name="mmd",
        summary="Discrepancy of the latents from the prior (Wasserstein autoencoder, InfoVAE)",
        implementation="aezoo.losses.aggregate:mmd",
        options=(
            Option(
                name="kernel", type="str", default="imq", choices=("imq", "rbf"), help="inverse quadratic or Gaussian"
            ),
            Option(
                name="scales",
                type="floats",
                default=(0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0),
                low=1e-6,
                help="of the kernels that are summed, as shares of the squared distance of a standard prior's samples",
            ),
        ),
        needs=("prior",),
        unit="squared discrepancy",
        coupled=True,
    ),
    LossSpec(
        name="tc",
        summary="Total correlation of the latent's dimensions (beta-TCVAE, Chen et al. 2018)",
        implementation="aezoo.losses.aggregate:tc",
        needs=("gaussian", "posterior"),
        coupled=True,
    ),
    LossSpec(
        name="dip-i",
        summary="Covariance of the posteriors' means held at the identity (DIP-VAE-I, Kumar et al. 2018)",
        implementation="aezoo.losses.aggregate:dip_i",
        options=(Option(name="diagonal", type="float", default=10.0, low=0.0, help="the weight of its diagonal"),),
        needs=("gaussian",),
        unit="squared covariance",
        coupled=True,
    ),
    LossSpec(
        name="dip-ii",
        summary="Covariance of the latents held at the identity (DIP-VAE-II, Kumar et al. 2018)",
        implementation="aezoo.losses.aggregate:dip_ii",
        options=(Option(name="diagonal", type="float", default=1.0, low=0.0, help="the weight of its diagonal"),),
        needs=("gaussian", "posterior"),
        unit="squared covariance",
        coupled=True,
    ),
    LossSpec(
        name="latent-l2",
        summary="Half the squared norm of the latent (RAE, Ghosh et al. 2020)",
        implementation="aezoo.losses.latents:latent_l2",
        unit="squared norm",
    ),
    LossSpec(
        name="gradient-penalty",
        summary="Squared norm of the decoder's Jacobian (RAE-GP, Ghosh et al. 2020)",
        implementation="aezoo.losses.latents:gradient_penalty",
        unit="squared slope",
        compiles=False,
    ),
    LossSpec(
        name="equivariance",
        summary="Decoding commutes with turning and shrinking the latent map (EQ-VAE, Kouzelis et al. 2025)",
        implementation="aezoo.losses.latents:equivariance",
        unit="absolute error",
    ),
    LossSpec(
        name="alignment",
        summary="Latents lie to each other as a frozen network's features do (VA-VAE, Yao et al. 2025)",
        implementation="aezoo.losses.alignment:Alignment",
        options=(
            Option(name="network", type="str", default="", help="an encoder by name, such as 'timm:...'"),
            Option(
                name="pretrained",
                type="bool",
                default=False,
                external=True,
                help="with the network's published weights",
            ),
            Option(
                name="cosine_margin",
                type="float",
                default=0.5,
                low=0.0,
                high=2.0,
                help="of a latent's cosine to its feature, what costs nothing",
            ),
            Option(
                name="distance_margin",
                type="float",
                default=0.25,
                low=0.0,
                high=2.0,
                help="of the cosine of two latents to that of their features, what costs nothing",
            ),
            Option(name="adaptive", type="bool", default=True, help="weighed by the others' gradient"),
            START,
            WARMUP,
        ),
        unit="lost similarity",
        compiles=False,  # its weight would stay what it is, without a word
    ),
    LossSpec(
        name="gan",
        summary="PatchGAN with hinge losses, weighed as in VQGAN (Isola et al. 2017, Esser et al. 2021)",
        implementation="aezoo.losses.adversarial:PatchAdversary",
        options=(
            Option(name="width", type="int", default=64, low=1, help="channels of its first layer"),
            Option(name="layers", type="int", default=3, low=1, high=20, help="with stride 2"),
            Option(
                name="norm",
                type="str",
                default="batch",
                choices=("batch", "none"),
                help="normalisation of the layers between the first and the last",
            ),
            Option(name="adaptive", type="bool", default=True, help="weighed by the others' gradient"),
        ),
        unit="score",
        adversary=True,
    ),
    LossSpec(
        name="aae",
        summary="A network tells latents from the prior (adversarial autoencoder, Makhzani et al. 2015)",
        implementation="aezoo.losses.adversarial:LatentAdversary",
        options=(Option(name="hidden", type="ints", default=(1000, 1000), low=1, help="the width of each layer"),),
        needs=("prior",),
        adversary=True,
    ),
    LossSpec(
        name="factor",
        summary="Total correlation as a network learns it (FactorVAE, Kim & Mnih 2018)",
        implementation="aezoo.losses.adversarial:FactorAdversary",
        options=(
            Option(
                name="hidden",
                type="ints",
                default=(1000, 1000, 1000, 1000, 1000),
                low=1,
                help="the width of each layer",
            ),
        ),
        adversary=True,
        coupled=True,
    ),
)
