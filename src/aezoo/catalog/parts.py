"""The built-in encoders, bottlenecks and decoders."""

from aezoo.specs import BottleneckSpec, DecoderSpec, EncoderSpec, Option

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
_PRETRAINED = Option(
    name="pretrained", type="bool", default=False, external=True, help="start from the backbone's published weights"
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
        options=(_HIDDEN,),
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
        summary="Diagonal Gaussian posterior, standard normal prior (Kingma & Welling 2014)",
        implementation="aezoo.bottlenecks.gaussian:GaussianBottleneck",
        options=(
            Option(name="dim", type="int", default=16, low=1, help="latent dimensions"),
            Option(name="sampling", type="bool", default=True, help="False: z is the mean in training too"),
        ),
        provides=("kl", "posterior", "prior"),
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
        summary="Fully connected layers to one logit a pixel",
        implementation="aezoo.decoders.mlp:MLPDecoder",
        options=(_HIDDEN,),
    ),
)
