"""The built-in datasets."""

from aezoo.plain import Option
from aezoo.specs import DatasetSpec

SPECS = (
    DatasetSpec(
        name="toyfaces",
        summary="Faces drawn from known factors, made on the spot: sketches, shaded, or in colour",
        implementation="aezoo.datasets.toyfaces:ToyFaces",
        options=(
            Option(
                name="style",
                type="str",
                default="sketch",
                choices=("sketch", "shaded", "colour"),
                help="black and white, grey, RGB",
            ),
            Option(name="count", type="int", low=1, help="images in the split; by default 2000 to train, 500 to test"),
            Option(name="test_count", type="int", low=1, help="images in the test split, where they are not as many"),
            Option(name="seed", type="int", default=0, low=0, help="another seed draws other faces"),
            Option(name="size", type="int", default=64, low=28, high=1024, help="height and width in pixels"),
        ),
        provides=("factors",),
        licence="Apache-2.0",
        spdx="Apache-2.0",
        redistributable=True,
    ),
    DatasetSpec(
        name="cufs",
        summary="CUHK student faces: 88 to train and 100 to test, sketched or photographed",
        implementation="aezoo.datasets.cufs:Cufs",
        options=(
            Option(
                name="view",
                type="str",
                default="sketches64",
                choices=("sketches64", "sketches", "photos"),
                help="sketches64: cropped, 64x64, black or white; the others 200x250",
            ),
        ),
        licence="research use",
        spdx="LicenseRef-CUFS-research",
        citation=(
            "X. Wang and X. Tang. Face Photo-Sketch Synthesis and Recognition. "
            "IEEE Transactions on Pattern Analysis and Machine Intelligence 31(11), 2009."
        ),
        homepage="https://mmlab.ie.cuhk.edu.hk/archive/facesketch.html",
    ),
    DatasetSpec(
        name="celeba",
        summary="Aligned faces of celebrities, centre-cropped; full or half size",
        implementation="aezoo.datasets.celeba:CelebA",
        options=(
            Option(name="crop", type="bool", default=True, help="the centre 128x128 of 178x218, scaled with the image"),
            Option(
                name="labels",
                type="str",
                default="attributes",
                choices=("attributes", "identity", ""),
                help="the 40 attributes, where their file is there; the person; or none",
            ),
        ),
        licence="non-commercial research use",
        spdx="LicenseRef-CelebA-research",
        citation=(
            "Z. Liu, P. Luo, X. Wang and X. Tang. Deep Learning Face Attributes in the Wild. "
            "International Conference on Computer Vision (ICCV), 2015."
        ),
        homepage="https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
        splits=("train", "val", "test"),
    ),
    DatasetSpec(
        name="dsprites",
        summary="White shapes on black, every combination of five known factors",
        implementation="aezoo.datasets.dsprites:DSprites",
        options=(
            Option(
                name="part",
                type="str",
                default="grid",
                choices=("grid", "full"),
                help="every fourth orientation and second place, 46,080 images; or all 737,280",
            ),
        ),
        provides=("factors",),
        licence="Apache-2.0",
        spdx="Apache-2.0",
        redistributable=True,
        citation=(
            "L. Matthey, I. Higgins, D. Hassabis and A. Lerchner. dSprites: Disentanglement testing Sprites dataset. "
            "https://github.com/google-deepmind/dsprites-dataset, 2017."
        ),
        homepage="https://github.com/google-deepmind/dsprites-dataset",
    ),
    DatasetSpec(
        name="folder",
        summary="Your images: a folder of files, or one .npy or .npz array; asked for by its path",
        implementation="aezoo.datasets.folder:open_folder",
        options=(Option(name="seed", type="int", default=0, low=0, help="of the tenth that is held out as test"),),
        licence="that of the files",
        external=True,
    ),
    DatasetSpec(
        name="torchvision:*",
        summary="Any torchvision dataset that yields single images",
        implementation="aezoo.datasets.torchvision:open_torchvision",
        members="aezoo.datasets.torchvision:members",
        options=(Option(name="download", type="bool", default=False, external=True, help="fetch the files first"),),
        terms="aezoo.datasets.torchvision:terms",
        licence="that of the member",
        citation="see the member's page in torchvision's documentation",
        homepage="https://docs.pytorch.org/vision/stable/datasets.html",
    ),
)
