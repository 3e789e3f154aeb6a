"""The commands of ``aezoo``, each imported when it is called."""

from aezoo.specs import CommandSpec

SPECS = (
    CommandSpec(name="list", summary="List what is registered", implementation="aezoo.cli.list:command"),
    CommandSpec(name="info", summary="Show a model's architecture", implementation="aezoo.cli.info:command"),
    CommandSpec(name="plugins", summary="Show the installed plugins", implementation="aezoo.cli.plugins:command"),
    CommandSpec(name="train", summary="Train a model", implementation="aezoo.cli.train:command"),
    CommandSpec(name="eval", summary="Measure a trained model", implementation="aezoo.cli.eval:command"),
    CommandSpec(
        name="reconstruct",
        summary="Draw images above their reconstructions",
        implementation="aezoo.cli.reconstruct:command",
    ),
    CommandSpec(
        name="embed",
        summary="Put a run's weights into a package",
        implementation="aezoo.cli.embed:command",
    ),
    CommandSpec(
        name="reproduce",
        summary="Train what a study needs and write its report",
        implementation="aezoo.cli.reproduce:command",
    ),
    CommandSpec(name="completion", summary="Print shell completion", implementation="aezoo.cli.completion:command"),
)
