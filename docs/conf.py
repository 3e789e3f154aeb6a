"""How the pages are built: Markdown by MyST, the reference by autodoc, the look by Furo."""

import re
from importlib.metadata import version as installed

project = "aezoo"
author = "The aezoo authors"
copyright = "The aezoo authors"
version = release = installed("aezoo")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
exclude_patterns = ["_build"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

# Docstrings: Google style, and `name` in single backticks is a name of ours. A warning says if it is not in api.md.
default_role = "any"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_attr_annotations = False
napoleon_use_rtype = False
autodoc_typehints = "none"  # docstrings say what goes in; hints of array shapes do not fit a signature
autodoc_member_order = "bysource"
autodoc_class_signature = "separated"
python_maximum_signature_line_length = 100

html_theme = "furo"
html_title = "aezoo"
html_static_path = ["_static"]
html_show_sourcelink = False
copybutton_prompt_text = "$ "


def open_comments(app, page, text):
    """Comments ``<!-- eval-rst ... -->`` are directives here; shown as Markdown, the page has its tables alone."""
    text[0] = re.sub(r"^<!-- eval-rst\n(.*?)^-->$", r"```{eval-rst}\n\1```", text[0], flags=re.MULTILINE | re.DOTALL)


def setup(app):
    app.connect("source-read", open_comments)
