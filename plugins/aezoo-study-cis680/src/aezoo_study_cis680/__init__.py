"""The study of the CIS 680 course report, ``aezoo reproduce cis680``. Declared here; nothing imports torch."""

from __future__ import annotations

from collections.abc import Iterable

import aezoo

CIS680 = aezoo.StudySpec(
    name="cis680",
    summary="The CIS 680 report's claims on its autoencoders, measured over seeds (CUFS, CelebA)",
    implementation="aezoo_study_cis680.study:study",
    cost="some seven and a half hours of two cores, on drawn faces nearly three",
    options=(
        aezoo.Option(
            name="data", type="str", default="", choices=("", "toyfaces"), help="drawn faces in place of both data sets"
        ),
    ),
    citation="CIS 680 course report.",
)


@aezoo.hookimpl
def aezoo_specs() -> Iterable[aezoo.StudySpec]:
    """Everything that this package registers."""
    yield CIS680
