"""Every package of ``plugins/`` alone beside the core, and the core alone.

    python tests/alone.py                                 # all of them
    python tests/alone.py aezoo-perceptual aezoo-residual
    python tests/alone.py aezoo                           # the core, with no plugin: its test suite but slow ones

Each gets a virtual environment of its own, in which the core is installed, and what else this interpreter has but
aezoo's packages can be imported. There it is installed from its folder, after those of the packages here that it
depends on; `aezoo plugins --check` finds all that it registers; it passes its own tests; and it is uninstalled, after
which the environment has the files and plugins that it had before. Exits with 1 where something of that fails.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CORE = "aezoo"
FOLDERS = {CORE: ROOT} | {path.parent.name: path.parent for path in sorted(ROOT.glob("plugins/*/pyproject.toml"))}


class Failed(Exception):
    """What was found, in words."""


class Environment:
    """A virtual environment with the core in it, which sees the other packages of this one, without aezoo's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "env"
        venv.create(self.folder, symlinks=True)
        shared = folder / "shared" / "site-packages"  # what lies in a folder of this name counts as installed
        shared.mkdir(parents=True)
        for path in (Path(path) for path in sys.path if path.endswith("-packages")):
            for entry in path.iterdir():
                # Of an editable package the metadata lies here: it would be found, and fail.
                if "aezoo" not in entry.name and not (shared / entry.name).exists():
                    (shared / entry.name).symlink_to(entry)
        [packages] = self.folder.glob("lib/python*/site-packages")
        (packages / "shared.pth").write_text(f"{shared}\n")
        self.install(CORE)

    def run(self, *arguments: str, cwd: Path = ROOT) -> str:
        """What an interpreter of this environment prints.

        Raises:
            Failed: it ends with an error.
        """
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("AEZOO_", "PYTHON"))}
        clean |= {
            "PYTHONDONTWRITEBYTECODE": "1",
            "HF_HUB_OFFLINE": "1",
            "AEZOO_CACHE": str(self.folder.parent / "cache"),
        }
        clean |= {"PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}
        python = str(self.folder / "bin/python")
        done = subprocess.run([python, *arguments], env=clean, cwd=cwd, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failed(
                f"{' '.join(arguments)} ends with {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-2000:]}"
            )
        return done.stdout

    def install(self, name: str) -> None:
        """A package from its folder; what it depends on is there."""
        how = ("--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--quiet")
        self.run("-m", "pip", "install", *how, str(FOLDERS[name]))

    def files(self) -> set[str]:
        """Every file in it."""
        return {path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*")}

    def plugins(self) -> list[str]:
        """The packages that aezoo finds."""
        return [each["distribution"] for each in json.loads(self.run("-m", "aezoo", "plugins", "--json"))]


def siblings(name: str) -> list[str]:
    """The packages of this repository that one depends on, in the order in which they are installed."""
    project = tomllib.loads((FOLDERS[name] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = [re.split(r"[^\w.-]", text, maxsplit=1)[0] for text in project["dependencies"]]
    own = [each for each in needed if each in FOLDERS and each != CORE]
    return [*dict.fromkeys(deeper for each in own for deeper in (*siblings(each), each))]


def check(name: str, environment: Environment) -> str:
    """Install a package, test it, take it off again, and return what its tests say.

    Raises:
        Failed: something of that is not as it should be.
    """
    for each in siblings(name):
        environment.install(each)
    files, plugins = environment.files(), environment.plugins()
    environment.install(name)
    environment.run("-m", "aezoo", "plugins", "--check")
    if name not in environment.plugins():
        raise Failed(f"installed, it is not among the plugins: {', '.join(environment.plugins())}")
    said = environment.run("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests", cwd=FOLDERS[name])
    environment.run("-m", "pip", "uninstall", "--yes", "--quiet", name)
    if left := sorted(environment.files() ^ files):
        raise Failed(f"uninstalled, it leaves a trace: {', '.join(left[:5])}")
    if environment.plugins() != plugins:
        raise Failed(f"uninstalled, aezoo still finds {', '.join(environment.plugins())}")
    return said.strip().splitlines()[-1]


def main() -> int:
    """Check what is named, and say how each fares."""
    parser = argparse.ArgumentParser(description="Every package of plugins/ alone beside the core, and the core alone.")
    parser.add_argument("names", nargs="*", default=[*FOLDERS], help="which; by default all")
    names = parser.parse_args().names
    if unknown := set(names) - set(FOLDERS):
        parser.error(f"no package {', '.join(sorted(unknown))}; there are {', '.join(FOLDERS)}")
    failed = 0
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            try:
                environment = Environment(Path(folder))
                if name == CORE:
                    quick = ("-p", "no:cacheprovider", "-m", "not slow")
                    said = environment.run("-m", "pytest", "-q", *quick, "tests").splitlines()[-1]
                else:
                    said = check(name, environment)
            except Failed as error:
                failed, said = failed + 1, f"FAILED: {error}"
        sys.stdout.write(f"{name}: {said}\n")
        sys.stdout.flush()
    return int(failed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
