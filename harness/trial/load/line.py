"""Line: what a load that flows tells the harness while it goes on: records, and how it stands, over one socket.

Either end notices at once when the other one is gone, however it went.
"""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Iterator
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

from harness.evidence.records import Fact, Mark
from harness.trial.load.notebook import Parcel
from harness.trial.load.status import Status

LINE_VARIABLE = "NFR_LOAD_LINE"
"""Of the generator's environment: the number of its end of the line."""
END = b"E"
"""What the harness says when the load is to end."""

Item = Parcel | Mark | Fact | Status
_SIZES = struct.Struct("<II")
_LONGEST_BYTES = 64 << 20
_CONTENTS = ("numbers", "sizes", "content")


def packed(item: Item) -> bytes:
    """The bytes of one item: the sizes of its two parts, JSON, and what does not go into JSON."""
    if isinstance(item, dict):
        contents = [item["numbers"], item["sizes"], item["content"]]
        plain = {name: value for name, value in item.items() if name not in _CONTENTS}
        head = {"is": "parcel", "lengths": [len(one) for one in contents], **plain}
        return _framed(head, b"".join(contents))
    if isinstance(item, Mark):
        return _framed({"is": "mark", "t_ns": item.t_ns, "name": item.name, "detail": dict(item.detail)})
    return _framed({"is": "fact" if isinstance(item, Fact) else "status", **asdict(item)})


async def next_item(reader: asyncio.StreamReader) -> Item:
    """The next one. Raises asyncio.IncompleteReadError when the other end is gone, ValueError for what is no item."""
    head_bytes, body_bytes = _SIZES.unpack(await reader.readexactly(_SIZES.size))
    if max(head_bytes, body_bytes) > _LONGEST_BYTES:
        raise ValueError(f"{max(head_bytes, body_bytes)} bytes are more than anybody sends at once")
    head = json.loads(await reader.readexactly(head_bytes))
    return _read(head, await reader.readexactly(body_bytes))


def _framed(head: dict[str, Any], body: bytes = b"") -> bytes:
    text = json.dumps(head).encode()
    return _SIZES.pack(len(text), len(body)) + text + body


def _read(head: dict[str, Any], body: bytes) -> Item:
    try:
        kind = head.pop("is")
        if kind == "mark":
            return Mark(head["t_ns"], head["name"], MappingProxyType(head["detail"]))
        if kind == "fact":
            return Fact(**head)
        if kind == "status":
            return Status(**head)
        contents = _cut(body, head.pop("lengths"))
        numbers, sizes, content = contents
        return Parcel(
            kind=head["kind"], user=head["user"], subscription=head["subscription"], numbers=numbers, sizes=sizes,
            content=content, names=head["names"],
        )  # fmt: skip
    except (KeyError, TypeError) as error:
        raise ValueError(f"no item of a load ({error})") from None


def _cut(body: bytes, lengths: list[int]) -> Iterator[bytes]:
    start = 0
    for length in lengths:
        yield body[start : start + length]
        start += length
