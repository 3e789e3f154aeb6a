"""The built-in parts: encoders, bottlenecks, priors, decoders and likelihoods."""

from aezoo.plain import Option
from aezoo.specs import BottleneckSpec, DecoderSpec, EncoderSpec, LikelihoodSpec, PriorSpec

NORM = Option(
    name="norm",
    type="str",
    default="batch",
    choices=("batch", "none"),
    help="normalisation after all layers but the last",
)
INIT = Option(
    name="init",
    type="str",
    default="default",
    choices=("default", "dcgan"),
    help="PyTorch's, or DCGAN's N(0, 0.02)",
)
_HIDDEN = Option(name="hidden", type="ints", default=(400,), low=1, help="the width of each layer")
_ACTIVATION = Option(
    name="activation",
    type="str",
    default="relu",
    choices=("relu", "tanh"),
    help="after each layer but a decoder's last",
)
_PRETRAINED = Option(
    name="pretrained", type="bool", default=False, external=True, help="start from the backbone's published weights"
)
_DIM = Option(name="dim", type="int", default=16, low=1, help="latent dimensions; of a map, its channels")
_SPATIAL = Option(name="spatial", type="bool", default=False, help="z is a map (dim, h, w) as large as the features")
_SCALE = Option(
    name="scale",
    type="str",
    default="fixed",
    choices=("fixed", "shared", "pixel"),
    help="fixed, one learned number, or a second map",
)
_MEAN = Option(
    name="mean",
    type="str",
    default="linear",
    choices=("linear", "sigmoid"),
    help="the map itself, or its sigmoid",
)

SPECS = (
    EncoderSpec(
        name="conv",
        summary="Strided convolutions from a listing, each with normalisation and ReLU",
        implementation="aezoo.encoders.conv:ConvEncoder",
        options=(
            Option(
                name="layers",
                type="strs",
                default=("3x3x32 s2", "3x3x64 s2", "3x3x128 s2", "3x3x256 s2"),
                help="one line a layer: kernel x kernel x channels, stride",
            ),
            NORM,
            INIT,
        ),
    ),
    EncoderSpec(
        name="mlp",
        summary="Fully connected layers over the flattened image",
        implementation="aezoo.encoders.mlp:MLPEncoder",
        options=(_HIDDEN, _ACTIVATION),
    ),
    EncoderSpec(
        name="timm:*",
        summary="Any timm backbone with a feature map or tokens, its own mean and std applied inside",
        implementation="aezoo.encoders.backbone:TimmEncoder",
        members="aezoo.encoders.backbone:timm_members",
        options=(_PRETRAINED,),
    ),
    EncoderSpec(
        name="torchvision:*",
        summary="Any torchvision classification backbone, ImageNet's mean and std applied inside",
        implementation="aezoo.encoders.backbone:TorchvisionEncoder",
        members="aezoo.encoders.backbone:torchvision_members",
        options=(_PRETRAINED,),
    ),
    BottleneckSpec(
        name="identity",
        summary="The features are the latent: a plain autoencoder",
        implementation="aezoo.bottlenecks.identity:IdentityBottleneck",
    ),
    BottleneckSpec(
        name="gaussian",
        summary="Diagonal Gaussian posterior, of a vector or of a map (Kingma & Welling 2014)",
        implementation="aezoo.bottlenecks.gaussian:GaussianBottleneck",
        options=(
            _DIM,
            _SPATIAL,
            Option(
                name="sampling",
                type="bool",
                default=True,
                grants=("posterior",),
                help="False: z is the mean in training too",
            ),
        ),
        provides=("posterior", "gaussian"),
        prior="standard",
    ),
    BottleneckSpec(
        name="hyperspherical",
        summary="Latents on the unit sphere, von Mises-Fisher posteriors (Davidson et al. 2018)",
        implementation="aezoo.bottlenecks.hyperspherical:HypersphericalBottleneck",
        options=(Option(name="dim", type="int", default=16, low=2, help="of the space around the sphere"),),
        provides=("posterior", "sphere"),
        prior="uniform-sphere",
    ),
    BottleneckSpec(
        name="nested",
        summary="Dimensions in order of their worth: the first few decode by themselves (Rippel et al. 2014)",
        implementation="aezoo.bottlenecks.nested:NestedBottleneck",
        options=(
            _DIM,
            _SPATIAL,
            Option(
                name="along",
                type="str",
                default="channels",
                choices=("channels", "positions"),
                help="of a map, which the first few are of",
            ),
        ),
    ),
    PriorSpec(
        name="standard",
        summary="Standard normal; the divergence of a Gaussian posterior in closed form (Kingma & Welling 2014)",
        implementation="aezoo.priors.standard:StandardPrior",
        exact=("gaussian",),
        excludes=("sphere",),
    ),
    PriorSpec(
        name="uniform-sphere",
        summary="Uniform on the unit sphere; the divergence of a von Mises-Fisher posterior in closed form",
        implementation="aezoo.priors.sphere:SpherePrior",
        needs=("sphere",),
    ),
    PriorSpec(
        name="mixture",
        summary="Mixture of Gaussians that are learned (Dilokthanakul et al. 2016)",
        implementation="aezoo.priors.mixtures:MixturePrior",
        excludes=("sphere",),
        options=(Option(name="k", type="int", default=10, low=1, help="components"),),
    ),
    PriorSpec(
        name="vamp",
        summary="Mixture of the model's own posteriors of images that are learned (Tomczak & Welling 2018)",
        implementation="aezoo.priors.mixtures:VampPrior",
        options=(Option(name="k", type="int", default=100, low=1, help="pseudo-inputs"),),
        encodes=True,
    ),
    PriorSpec(
        name="flow",
        summary="Normalising flow that is learned, of the package zuko (Papamakarios et al. 2017, Durkan et al. 2019)",
        implementation="aezoo.priors.flow:FlowPrior",
        excludes=("sphere",),
        options=(
            Option(name="kind", type="str", default="maf", choices=("maf", "nsf", "realnvp"), help="of flow"),
            Option(name="transforms", type="int", default=3, low=1, high=64, help="one after the other"),
            Option(
                name="hidden",
                type="ints",
                default=(64, 64),
                low=1,
                high=4096,
                help="the width of each layer of their networks",
            ),
        ),
    ),
    PriorSpec(
        name="none",
        summary="No prior: samples come from a Gaussian fitted to the training latents",
        implementation="aezoo.priors.base:no_prior",
        provides=(),
        needs=(),
    ),
    DecoderSpec(
        name="deconv",
        summary="Transposed convolutions from a listing, cropped to the image's size",
        implementation="aezoo.decoders.deconv:DeconvDecoder",
        options=(
            Option(
                name="layers",
                type="strs",
                default=("4x4x256 s2", "4x4x128 s2", "4x4x64 s2", "4x4x32 s2", "4x4xc s2"),
                help="one line a layer; the last has the width c, the image's channels",
            ),
            NORM,
            INIT,
        ),
    ),
    DecoderSpec(
        name="mlp",
        summary="Fully connected layers to a number a pixel",
        implementation="aezoo.decoders.mlp:MLPDecoder",
        options=(_HIDDEN, _ACTIVATION),
    ),
    LikelihoodSpec(
        name="bernoulli",
        summary="Bernoulli of binary images: the decoder gives logits",
        implementation="aezoo.likelihoods.bernoulli:Bernoulli",
        provides=("logits", "nll"),
    ),
    LikelihoodSpec(
        name="continuous-bernoulli",
        summary="Continuous Bernoulli of grey images: the decoder gives logits (Loaiza-Ganem & Cunningham 2019)",
        implementation="aezoo.likelihoods.continuous_bernoulli:ContinuousBernoulli",
        provides=("logits", "nll"),
    ),
    LikelihoodSpec(
        name="gaussian",
        summary="Gaussian of a fixed or a learned deviation (Rybkin et al. 2021)",
        implementation="aezoo.likelihoods.location_scale:Gaussian",
        options=(
            _SCALE,
            Option(name="sigma", type="float", default=0.1, low=0.003, help="the deviation, or where it begins"),
            _MEAN,
        ),
    ),
    LikelihoodSpec(
        name="laplace",
        summary="Laplace distribution of a fixed or a learned scale: absolute errors count",
        implementation="aezoo.likelihoods.location_scale:Laplace",
        options=(
            _SCALE,
            Option(name="b", type="float", default=0.1, low=0.003, help="the scale, or where it begins"),
            _MEAN,
        ),
    ),
    LikelihoodSpec(
        name="discretized-logistic",
        summary="Probability of each of 256 grey levels, from a mixture of logistics (Salimans et al. 2017)",
        implementation="aezoo.likelihoods.discretized_logistic:DiscretizedLogistic",
        options=(Option(name="mixtures", type="int", default=1, low=1, help="components"),),
    ),
    LikelihoodSpec(
        name="none",
        summary="No likelihood: the decoder gives images",
        implementation="aezoo.likelihoods.base:Likelihood",
        provides=(),
    ),
)
