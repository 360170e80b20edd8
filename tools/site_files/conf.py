"""How Sphinx reads the pages that ``build.py`` has put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pygments.lexers.special import TextLexer

from stilt.version import __version__

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "stilt"
author = "the stilt maintainers"
copyright = author  # noqa: A001 - Sphinx's name
version = release = __version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_heading_anchors = 4

# Kept without outputs, so that the pages show what today's code does; each is executed in a folder of its own.
nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = -1

html_theme = "furo"
html_title = f"stilt {__version__}"
html_show_sourcelink = False

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
napoleon_google_docstring = False
napoleon_use_ivar = True


def setup(app: Sphinx) -> None:
    """Show blocks whose language Pygments does not know as they are."""
    for language in ("csv", "mermaid"):
        app.add_lexer(language, TextLexer)
