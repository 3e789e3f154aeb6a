"""What a plugin author tests with: one suite that everything in the zoo passes, the built-ins included.

Name what your package registers; pytest runs every check of the class on every name::

    # tests/test_conformance.py
    import aezoo.testing

    class TestMine(aezoo.testing.Conformance):
        models = ("my-model",)
        encoders = ("my-encoder", "my-encoder(depth=3)", "my-family:member")
        losses = ("my-term(start=100)",)

`check_plugin` looks at the package as it is installed, `isolated_registry` lets a test see nothing but what it names.
"""

from aezoo.testing.cases import HOST, Case
from aezoo.testing.conformance import Conformance
from aezoo.testing.installed import check_plugin
from aezoo.testing.isolation import isolated_registry

__all__ = ["HOST", "Case", "Conformance", "check_plugin", "isolated_registry"]
