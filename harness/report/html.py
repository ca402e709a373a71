"""report.html: one file that works offline, on any screen and on paper, and can be read without a script."""

from __future__ import annotations

import base64
import hashlib

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness.report import canvas
from harness.report.page import Page

_SCRIPT = "report_script.j2"


def render_html(page: Page) -> str:
    """The page. Everything that comes from a run is escaped; hashes pin the scripts that may run.

    The chart library is in it once, and only when there is something to draw.
    """
    # every value is escaped: nothing of a run may become markup
    environment = Environment(
        loader=PackageLoader("harness.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    scripts = [canvas.library()] if page.has_charts else []
    scripts.append(environment.get_template(_SCRIPT).render())
    return environment.get_template("report.html.j2").render(
        page=page,
        # the library's file and our own, without any value of a run in them; documents of charts are escaped JSON
        scripts=[Markup(script) for script in scripts],
        script_hashes=" ".join(f"'sha256-{_digest(script)}'" for script in scripts),
        chart_variables=" ".join(canvas.VARIABLES),
        markup=Markup,
    )


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
