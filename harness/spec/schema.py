"""Publish the JSON Schemas of the spec files: `python -m harness.spec.schema [--check]`."""

from __future__ import annotations

import json
from pathlib import Path

import click
from pydantic import BaseModel

from harness.spec.acceptance import Acceptance
from harness.spec.case import Case

FOLDER = Path(__file__).resolve().parents[2] / "specs" / "schema"
MODELS: tuple[tuple[str, type[BaseModel]], ...] = (
    ("case.schema.json", Case),
    ("acceptance.schema.json", Acceptance),
)


def schema_text(model: type[BaseModel]) -> str:
    """The published schema of one model: JSON Schema 2020-12, stable from run to run."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def stale(folder: Path) -> list[str]:
    """Names of published schemas that are missing or differ from their models."""
    return [
        name
        for name, model in MODELS
        if not (folder / name).is_file() or (folder / name).read_text(encoding="utf-8") != schema_text(model)
    ]


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 when a published schema is not current.")
@click.option("--folder", type=click.Path(path_type=Path), default=FOLDER, help="Where the schemas lie.")
def main(check: bool, folder: Path) -> None:
    """Write the JSON Schemas of the spec files."""
    names = stale(folder)
    if check:
        if names:
            raise click.ClickException(f"{', '.join(names)} not current; run python -m harness.spec.schema")
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name, model in MODELS:
        (folder / name).write_text(schema_text(model), encoding="utf-8")
    click.echo(f"wrote {', '.join(names)}" if names else "every schema is current")


if __name__ == "__main__":
    main()
