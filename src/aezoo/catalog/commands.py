"""The commands of ``aezoo``, each imported when it is called."""

from aezoo.specs import CommandSpec

SPECS = (
    CommandSpec(name="list", summary="List what is registered", implementation="aezoo.cli.list:command"),
    CommandSpec(name="info", summary="Show a model's architecture", implementation="aezoo.cli.info:command"),
    CommandSpec(name="plugins", summary="Show the installed plugins", implementation="aezoo.cli.plugins:command"),
    CommandSpec(
        name="new-plugin",
        summary="Write a small package to start from",
        implementation="aezoo.cli.new_plugin:command",
    ),
    CommandSpec(name="train", summary="Train a model", implementation="aezoo.cli.train:command"),
    CommandSpec(name="eval", summary="Measure a trained model", implementation="aezoo.cli.eval:command"),
    CommandSpec(name="bench", summary="Score models on pinned tasks", implementation="aezoo.cli.bench:command"),
    CommandSpec(
        name="reconstruct",
        summary="Draw images above their reconstructions",
        implementation="aezoo.cli.reconstruct:command",
    ),
    CommandSpec(name="sample", summary="Draw new images of a model's prior", implementation="aezoo.cli.sample:command"),
    CommandSpec(
        name="interpolate",
        summary="Draw what lies between two images",
        implementation="aezoo.cli.interpolate:command",
    ),
    CommandSpec(name="compare", summary="Show several runs side by side", implementation="aezoo.cli.compare:command"),
    CommandSpec(
        name="package",
        summary="Put a run's weights into a package",
        implementation="aezoo.cli.package:command",
    ),
    CommandSpec(
        name="publish",
        summary="Send a trained model to the Hugging Face Hub",
        implementation="aezoo.cli.publish:command",
    ),
    CommandSpec(name="sign", summary="Sign a model folder", implementation="aezoo.cli.signing:sign"),
    CommandSpec(
        name="verify",
        summary="Check who signed a model folder",
        implementation="aezoo.cli.signing:verify",
    ),
    CommandSpec(
        name="reproduce",
        summary="Train what a study needs and write its report",
        implementation="aezoo.cli.reproduce:command",
    ),
    CommandSpec(name="completion", summary="Print shell completion", implementation="aezoo.cli.completion:command"),
)
