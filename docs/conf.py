"""Settings of Sphinx for the site, whose generated pages are written before anything is read."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from docs.site.generated import write_pages  # noqa: E402
from docs.site.mathml import setup_math  # noqa: E402
from n3hyper import __version__  # noqa: E402

project = "n3hyper"
author = "the authors of n3hyper"
release = version = __version__
html_title = f"n3hyper {__version__}"
html_theme = "furo"
html_theme_options = {"navigation_with_keys": True}
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_math_renderer = "mathml"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "slurm", "site", "README.md"]
myst_enable_extensions = ["deflist", "dollarmath", "attrs_inline", "fieldlist"]
myst_heading_anchors = 4
myst_links_external_new_tab = False
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
python_maximum_signature_line_length = 80
nitpicky = False


def bars_as_written(app, what, name, obj, options, lines):  # type: ignore[no-untyped-def]
    """Let |x| in a docstring be an absolute value, and not a substitution."""
    lines[:] = [
        line if line.lstrip().startswith((">>>", "...")) else line.replace("|", "\\|")
        for line in lines
    ]


def setup(app):  # type: ignore[no-untyped-def]
    """Write the generated pages, and show formulas without a script."""
    write_pages(Path(app.srcdir))
    setup_math(app)
    app.connect("autodoc-process-docstring", bars_as_written)
