"""Where the commands look unless they are told otherwise, and what they end with."""

from __future__ import annotations

from pathlib import Path

import click

MET, NOT_MET, USAGE, BROKEN = 0, 1, 2, 3
"""Exit codes: gates met, not met, usage, the harness itself failed."""

ROOT = Path(__file__).resolve().parents[2]

specs_option = click.option(
    "--specs", type=click.Path(path_type=Path), default=ROOT / "specs", help="The cases' YAML files."
)
reports_option = click.option(
    "--reports", type=click.Path(path_type=Path), default=ROOT / "reports", help="Where runs are written."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
