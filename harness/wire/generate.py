"""Generate the Python code of the .proto files, or (--check) say whether the committed code is current."""

from __future__ import annotations

import re
import sys
import tempfile
from importlib import resources
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).parent
PACKAGE = "opensqt/market_maker/v1"


def generate(target: Path) -> None:
    """Write the generated modules below `target`, importable as harness.wire.opensqt…"""
    protos = sorted(str(path.relative_to(ROOT)) for path in (ROOT / PACKAGE).glob("*.proto"))
    googleapis = str(Path(str(resources.files("google") / "type")).parent.parent)
    bundled = str(resources.files("grpc_tools") / "_proto")
    code = protoc.main(
        ["protoc", f"-I{ROOT}", f"-I{googleapis}", f"-I{bundled}", f"--python_out={target}",
         f"--pyi_out={target}", f"--grpc_python_out={target}", *protos]
    )  # fmt: skip
    if code != 0:
        raise SystemExit(f"harness.wire.generate: protoc failed with code {code}; read its message above")
    for path in (target / PACKAGE).glob("*_pb2*.py*"):
        text = path.read_text()
        # protoc writes absolute imports from the proto root; ours is a package of the harness.
        path.write_text(re.sub(r"^from opensqt\.", "from harness.wire.opensqt.", text, flags=re.M))


def outdated() -> list[str]:
    """Names of committed modules that differ from what the .proto files generate now."""
    with tempfile.TemporaryDirectory() as scratch:
        fresh = Path(scratch)
        generate(fresh)
        made = {path.name: path.read_text() for path in (fresh / PACKAGE).glob("*_pb2*.py*")}
    kept = {path.name: path.read_text() for path in (ROOT / PACKAGE).glob("*_pb2*.py*")}
    return sorted(name for name in made.keys() | kept.keys() if made.get(name) != kept.get(name))


def main(arguments: list[str]) -> int:
    """Entry point: 0 current or written, 1 outdated."""
    if "--check" not in arguments:
        generate(ROOT)
        return 0
    stale = outdated()
    if stale:
        print(f"generated wire code is not current: {', '.join(stale)}; run python -m harness.wire.generate")
    return 1 if stale else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
