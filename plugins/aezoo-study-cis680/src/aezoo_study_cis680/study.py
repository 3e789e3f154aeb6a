"""The study of the CIS 680 report: its small models and its big one, on its data or on faces that are drawn."""

from __future__ import annotations

from aezoo.studies import Part, Published, Study
from aezoo_study_cis680 import big, small
from aezoo_study_cis680.figures import figures
from aezoo_study_cis680.scale import DRAWN, FULL, QUICK, QUICK_DRAWN
from aezoo_study_cis680.tables import choice, depth

SKETCHES, SHADED = "toyfaces(count=88, test_count=100)", "toyfaces(style='shaded', count=8000, test_count=1000)"
FEW = "toyfaces(style='shaded', count=16, test_count=16)"


def study(*, quick: bool = False, data: str = "") -> Study:
    """What is trained, claimed and shown.

    Args:
        quick: a handful of steps with one seed, on drawn faces in the place of CelebA.
        data: ``"toyfaces"``: drawn faces in the place of both sets of the report, with what was chosen on those
            sets and shorter runs of the big model.
    """
    drawn = bool(data)
    scale = (QUICK_DRAWN if drawn else QUICK) if quick else DRAWN if drawn else FULL
    few = "toyfaces" if drawn else "cufs"
    many = FEW if quick else SHADED if drawn else "celeba"
    sketches = SKETCHES if drawn else few
    small_arms, big_arms = small.arms(scale, sketches), big.arms(scale, many)
    choices = Part(
        name=small.CHOICE,
        dataset=sketches,
        title=few,
        says="five folds of their training images, by which rates, normalisation and start are chosen",
        needed=0,
        cost="half a minute" if quick else "an hour and a half",
    )
    if drawn:  # which takes over what was chosen on CUFS
        small_arms = tuple(arm for arm in small_arms if arm.part != small.CHOICE)
    return Study(
        name="cis680",
        title="The CIS 680 report, measured" + (" on drawn faces" if drawn else ""),
        introduction=f"`aezoo reproduce cis680{' --data toyfaces' if drawn else ''}` trains the autoencoders of the "
        f"CIS 680 course report again{', on drawn faces, which need no download,' if drawn else ''} and measures what "
        "it claims of them.",
        remarks="What differs from the report: what it calls the standard deviation's head gives the log-variance; how "
        "weights start and which learning rate is taken, which decide claims, are chosen "
        + ("on its images, not on these. " if drawn else "within the training images. ")
        + "*The report's recipe* has its normalisation and its rate; how its weights begin it does not say, and "
        "DCGAN's start was first chosen by a test loss. Table 2's decoder narrows to one channel behind a ReLU, so its "
        "VAE draws nothing darker than the last layer's bias (0.28 in the published weights, where 42 % of the test "
        "pixels of CUFS are black): claims 3 to 8 are judged without that map too.",
        parts=(
            *(() if drawn else (choices,)),
            Part(
                name=small.PART,
                dataset=sketches,
                title="drawn sketches" if drawn else "CUFS",
                says="drawn sketches: binary, 64x64"
                if drawn
                else "CUFS sketches as the course gave them out: binary, 64x64",
                needed=scale.some,
                cost="half a minute" if quick else "nearly four hours" if drawn else "six and a half hours",
            ),
            Part(
                name=big.PART,
                dataset=many,
                title="CelebA" if many == "celeba" else "drawn faces",
                says="the CelebA images at hand, not the report's set: grey, 64x64"
                if many == "celeba"
                else "drawn faces: grey, 64x64",
                needed=scale.big_seeds,
                cost="a minute" if quick else "two hours" if drawn else "eight and a half hours",
            ),
        ),
        arms=(*small_arms, *big_arms),
        claims=(*small.claims(scale), *big.claims(scale, big_arms)),
        others=(
            Published(name=big.PUBLISHED, model=f"{big.MODEL}.{'toyfaces' if drawn else 'celeba'}", part=big.PART),
        ),
        figures=figures(scale),
        sections=(*(() if drawn else (choice,)), lambda state: depth(state, scale)),
        quick=quick,
    )
