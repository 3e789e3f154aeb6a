import pytest
from click.testing import CliRunner

from aezoo.cli import commands
from aezoo.factory import create
from aezoo.weights.folder import save_model

from ..benchmark.conftest import task  # noqa: F401


@pytest.fixture
def aezoo():
    """The program, in this process: its result has ``exit_code``, ``stdout`` and ``stderr``."""
    return lambda *arguments: CliRunner().invoke(commands, [str(argument) for argument in arguments])


@pytest.fixture
def folder(tiny, tmp_path):
    """The model folder of an untrained model."""
    model = create(tiny)
    save_model(tmp_path / "tiny", model, model.latent_mean.new_zeros(1, *tiny.image.shape))
    return tmp_path / "tiny"
