"""report.html: one file that works offline, without a script, on any screen and on paper."""

from __future__ import annotations

import base64
import hashlib

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness.report.page import Page

_SCRIPT = "report_script.j2"


def render_html(page: Page) -> str:
    """The page. Everything that comes from a run is escaped; a hash pins the one script that may run."""
    # every value is escaped: nothing of a run may become markup
    environment = Environment(
        loader=PackageLoader("harness.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = environment.get_template(_SCRIPT).render()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("report.html.j2").render(
        page=page,
        script=Markup(script),  # our own file, without any value in it
        script_hash=f"sha256-{digest}",
    )
