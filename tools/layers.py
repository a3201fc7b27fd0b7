#!/usr/bin/env python3
"""Makes one include root per room: BUILD/layers/bell_ws/bell/ws -> SOURCE/src/bell/ws.

A room is a folder of src; its name here is its path with "_". meson.build gives each room only the
roots of the rooms it may include, so that an include across a layer does not compile.
"""
import os
import sys

ROOMS = [
    "base",
    "bell/net", "bell/http", "bell/ws", "bell/topic", "bell/server",
    "desk/domain", "desk/store", "desk/bus", "desk/proto", "desk/work", "desk/gateway", "desk/api",
    "desk/config",
]


def main() -> None:
    source, build = sys.argv[1], sys.argv[2]
    for room in ROOMS:
        link = os.path.join(build, "layers", room.replace("/", "_"), room)
        target = os.path.join(source, "src", room)
        os.makedirs(os.path.dirname(link), exist_ok=True)
        if os.path.lexists(link):
            if os.readlink(link) == target:
                continue
            os.unlink(link)
        os.symlink(target, link)


main()
