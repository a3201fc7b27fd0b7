#!/usr/bin/env python3
"""Holds three things equal: the calls that include/bell declares (BELL_API), the list of what the
shared library exports (src/bell/libbell.map), and what a built library exports.

    tools/check_symbols.py                      headers against the list
    tools/check_symbols.py --shared FILE        and what this shared library exports
    tools/check_symbols.py --static FILE        and that this archive defines only bell_ names
    tools/check_symbols.py --write              writes the list from the headers

The version of the headers (include/bell/version.h) and of the list's node follow the project's, in
meson.build.
"""
import argparse
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
HEADERS = ROOT / "include" / "bell"
MAP = ROOT / "src" / "bell" / "libbell.map"

COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
DECLARATION = re.compile(r"\bBELL_API\b([^;{]*?)\b(\w+)\s*\(")
MAP_NAME = re.compile(r"^    (\w+);$", re.MULTILINE)


def headers() -> str:
    """All public headers, without comments and preprocessor lines."""
    text = COMMENT.sub("", "\n".join(header.read_text() for header in sorted(HEADERS.glob("*.h"))))
    return re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE)


def declared() -> set[str]:
    return {match.group(2) for match in DECLARATION.finditer(headers())}


def unsized() -> set[str]:
    """Calls that take options without their size, so that these could never grow. Options that are part
    of others do not grow (docs/libbell/versioning.md)."""
    text = headers()
    parts = set(re.findall(r"^    (bell_\w+_options) \w+;", text, re.MULTILINE))
    found = set()
    for match in re.finditer(r"\bBELL_API\b[^;{]*?\b(\w+)\s*\(([^;{]*)\);", text):
        types = set(re.findall(r"\b(bell_\w+_options) \*", match.group(2))) - parts
        if types and not match.group(1).endswith("_sized"):
            found.add(match.group(1))
    return found


def project_version() -> str:
    return re.search(r"^  version: '([^']+)'", (ROOT / "meson.build").read_text(), re.MULTILINE).group(1)


def header_version() -> str:
    text = (HEADERS / "version.h").read_text()
    numbers = [re.search(rf"BELL_VERSION_{part}\s+(\d+)$", text, re.MULTILINE).group(1)
               for part in ("MAJOR", "MINOR", "PATCH")]
    words = re.search(r'BELL_VERSION_TEXT\s+"([^"]+)"$', text, re.MULTILINE).group(1)
    return words if words == ".".join(numbers) else "not clear"


def soversion() -> str:
    major, minor, _ = project_version().split(".")
    return f"0.{minor}" if major == "0" else major


def map_text(names: set[str]) -> str:
    lines = "".join(f"    {name};\n" for name in sorted(names))
    return f"BELL_{soversion()} {{\nglobal:\n{lines}local:\n    *;\n}};\n"


def nm(*arguments: str) -> list[list[str]]:
    out = subprocess.run(["nm", *arguments], check=True, capture_output=True, text=True).stdout
    return [line.split() for line in out.splitlines() if len(line.split()) == 3]


def exported(library: str) -> set[str]:
    return {name.partition("@")[0] for _, kind, name in nm("-D", "--defined-only", library)
            if kind != "A"}  # The node of the version script is an absolute symbol.


# What sanitizers add to an object.
INSTRUMENTED = re.compile(r"^(__odr_asan|_ZN?\d*__asan|__asan|__ubsan|__tsan|__sancov|__emutls)")


def defined(archive: str) -> set[str]:
    return {name for _, _, name in nm("-g", "--defined-only", archive) if not INSTRUMENTED.match(name)}


def difference(what: str, names: set[str], hint: str) -> list[str]:
    return [f"check_symbols: {name}: {what}{hint}" for name in sorted(names)]


def main() -> int:
    parser = argparse.ArgumentParser(description="Holds headers, export list and libraries equal.")
    parser.add_argument("--shared", help="a built libbell.so")
    parser.add_argument("--static", help="a built libbell.a")
    parser.add_argument("--write", action="store_true", help="write the list from the headers")
    options = parser.parse_args()
    names = declared()
    if options.write:
        MAP.write_text(map_text(names))
        return 0
    text = MAP.read_text()
    listed = set(MAP_NAME.findall(text))
    problems = difference("declared in include/bell, not in src/bell/libbell.map", names - listed,
                          ": run tools/check_symbols.py --write")
    problems += difference("in src/bell/libbell.map, declared nowhere in include/bell", listed - names,
                           ": run tools/check_symbols.py --write")
    if not problems and text != map_text(names):
        problems.append("check_symbols: src/bell/libbell.map has another order or version: "
                        "run tools/check_symbols.py --write")
    problems += difference("declared in include/bell, must begin with bell_",
                           {n for n in names if not n.startswith("bell_")}, "")
    problems += difference("takes options without their size", unsized(),
                           ": see docs/libbell/versioning.md")
    if header_version() != project_version():
        problems.append("check_symbols: include/bell/version.h is not of the version in meson.build")
    if options.shared:
        has = exported(options.shared)
        problems += difference("in src/bell/libbell.map, not exported", listed - has, f" by {options.shared}")
        problems += difference("exported, not in src/bell/libbell.map", has - listed, f": {options.shared}")
    if options.static:
        has = defined(options.static)
        problems += difference("in src/bell/libbell.map, not defined", listed - has, f" in {options.static}")
        problems += difference("defined, does not begin with bell_",
                               {n for n in has if not n.startswith("bell_")}, f": {options.static}")
    print("\n".join(problems), end="\n" if problems else "", file=sys.stderr)
    return 1 if problems else 0


sys.exit(main())
