#!/usr/bin/env python3
"""Makes the manual pages that follow from something else, while building:

    tools/gen_man.py header HEADER VERSION OUT       bell_NAME(3) from include/bell/NAME.h
    tools/gen_man.py names HEADER                    prints the calls and types that page explains, one a line
    tools/gen_man.py desk TEMPLATE TABLES VERSION OUT
                        deskbell(1) and deskbell.conf(5) from docs/man/*.in and docs/deskbell.md, which the
                        program prints from its tables of options

So a page cannot say anything else than the header or the table. libbell(3) is written by hand.
"""
import pathlib
import re
import sys

DATE = "November 28, 2026"  # of the last release; mdoc wants one


# ---- text ----

def escaped(line: str) -> str:
    line = line.replace("\\", "\\e")
    return "\\&" + line if line[:1] in (".", "'") else line


def sentences(lines: list[str]) -> list[str]:
    """Text that is filled: mdoc wants each sentence to begin a line."""
    text = " ".join(line.strip() for line in lines)
    return [escaped(part) for part in re.split(r"(?<=[.?!]) +(?=[A-Z\"(`])", text)]


def literal(lines: list[str]) -> list[str]:
    return [".Bd -literal -offset 2n", *[escaped(line) for line in lines], ".Ed"]


def is_table_line(line: str) -> bool:
    """Lines whose columns mean something: lists of names with explanations behind blanks, drawings."""
    return re.match(r"\S+(, \S+)*(\s{2,})\S", line) is not None or line.startswith("  ")


def paragraphs(comment: list[str]) -> list[str]:
    """The lines of a comment as mdoc: text is filled, tables and drawings are kept as they are."""
    out = []
    block: list[str] = []
    for line in [*comment, ""]:
        if line:
            block.append(line)
            continue
        if any(is_table_line(part) for part in block):
            # Sentences may stand in front of a table.
            first = next(i for i, part in enumerate(block) if is_table_line(part))
            if first:
                out += [".Pp", *sentences(block[:first])]
            out += literal(block[first:])
        elif block:
            out += [".Pp", *sentences(block)]
        block = []
    return out


# ---- headers ----

def comment_lines(comment: str) -> list[str]:
    body = comment[2:-2]
    lines = [re.sub(r"^\s*\* ?", "", line).rstrip() for line in body.split("\n")]
    lines[0] = lines[0].strip()
    while lines and not lines[0]:
        lines.pop(0)
    while lines and not lines[-1]:
        lines.pop()
    return lines


class Item:
    """One comment, and what it explains: a run of declarations without blank lines between."""

    def __init__(self, comment: list[str]) -> None:
        self.comment = comment
        self.functions: list[str] = []  # prototypes
        self.definitions: list[str] = []  # types, values and macros as they stand


def end_of_braces(text: str, at: int) -> int:
    """Behind the brace that closes the one at this place; comments may hold braces."""
    depth = 0
    for match in re.compile(r"/\*.*?\*/|[{}]", re.DOTALL).finditer(text, at):
        if match.group() == "{":
            depth += 1
        elif match.group() == "}":
            depth -= 1
            if depth == 0:
                return match.end()
    raise ValueError("braces do not close")


def declaration_at(text: str, at: int) -> tuple[str, int]:
    """The declaration that begins here, without the body of an inline function, and where it ends."""
    mark = re.compile(r"[;{]").search(text, at)
    if mark.group() == ";":
        return text[at:mark.end()], mark.end()
    end = end_of_braces(text, mark.start())
    if text[at:mark.start()].rstrip().endswith(")"):
        return text[at:mark.start()].rstrip() + ";", end
    end = text.index(";", end) + 1
    return text[at:end], end


def parse(text: str) -> tuple[list[str], list[Item]]:
    """The comment at the top, and the items."""
    top = None
    items: list[Item] = []
    item = None
    at = 0
    while at < len(text):
        blank = re.compile(r"[ \t]*\n|[ \t]+").match(text, at)
        if blank:
            # An empty line ends a run.
            if blank.group().endswith("\n") and text[:at].endswith("\n") and item is not None and (
                    item.functions or item.definitions):
                item = None
            at = blank.end()
        elif text.startswith("/*", at):
            end = text.index("*/", at) + 2
            lines = comment_lines(text[at:end])
            if top is None:
                top = lines
            else:
                item = Item(lines)
                items.append(item)
            at = end
        elif text.startswith("#", at):
            match = re.compile(r"#(?:[^\n]*\\\n)*[^\n]*").match(text, at)
            name = re.match(r"#\s*define\s+(BELL_\w+)[ (]", match.group())
            if name and item is not None and not name.group(1).endswith("_H"):
                item.definitions.append(match.group())
            at = match.end()
        elif text.startswith('extern "C"', at):
            at = text.index("{", at) + 1
        elif text[at] == "}":
            at += 1
        else:
            declaration, at = declaration_at(text, at)
            if item is None:
                item = Item([])
                items.append(item)
            if re.match(r"(BELL_API|BELL_NODISCARD|static inline)\b", declaration):
                item.functions.append(declaration)
            elif not re.fullmatch(r"struct \w+;", declaration):
                item.definitions.append(declaration)
    # What bindings call is told in bell_version(3).
    for one in items:
        one.functions = [f for f in one.functions if not name_of(f).endswith("_sized")]
    return top or [], [one for one in items if one.functions or one.definitions]


PROTOTYPE = re.compile(r"^(?:BELL_API |BELL_NODISCARD |static inline )*(.*?)(\w+)\((.*)\);$", re.DOTALL)


def parts_of(prototype: str) -> tuple[str, str, list[str]]:
    flat = " ".join(prototype.split())
    kind, name, arguments = PROTOTYPE.match(flat).groups()
    # Commas inside of parentheses belong to function pointers.
    split = re.split(r",\s*(?![^()]*\))", arguments)
    return kind.strip(), name, split


def name_of(prototype: str) -> str:
    return parts_of(prototype)[1]


def title_of(definition: str) -> str:
    """The name of a type or macro."""
    words = re.sub(r"\W", " ", definition.split("{")[0]).split()
    if definition.startswith("#"):
        return words[1]
    if "(*" in definition.split("{")[0]:
        return re.search(r"\(\*(\w+)\)", definition).group(1)
    if definition.startswith("typedef") or not words:
        return re.search(r"(\w+);$", definition).group(1)
    return " ".join(words[:2])


def synopsis(prototype: str) -> list[str]:
    kind, name, arguments = parts_of(prototype)
    return [f'.Ft "{kind}"', f".Fo {name}", *[f'.Fa "{a}"' for a in arguments], ".Fc"]


def header_page(header: pathlib.Path, version: str) -> str:
    text = header.read_text()
    top, items = parse(text)
    name = "bell_" + header.stem
    first = re.sub(r" *\([^()]*(\([^()]*\)[^()]*)*\)", "", " ".join(top)).split(". ")[0].rstrip(".")
    out = [
        f'.\\" Made from include/bell/{header.name} by tools/gen_man.py.',
        f".Dd {DATE}", f".Dt {name.upper()} 3", f".Os libbell {version}",
        ".Sh NAME", f".Nm {name}", f".Nd {escaped(first)}",
        ".Sh LIBRARY", "libbell (libbell, \\-lbell)",
        ".Sh SYNOPSIS", f".In bell/{header.name}",
    ]
    for item in items:
        for function in item.functions:
            out += synopsis(function)
    out += [".Sh DESCRIPTION", *paragraphs(top)[1:]]
    for item in items:
        titles = [name_of(f) for f in item.functions] + [title_of(d) for d in item.definitions]
        out.append(".Ss " + ", ".join(dict.fromkeys(titles)))
        body = paragraphs(item.comment)
        out += body[1:] if body[:1] == [".Pp"] else body
        for definition in item.definitions:
            out += literal(definition.split("\n"))
    out += [".Sh SEE ALSO", ".Xr libbell 3"]
    return "\n".join(out) + "\n"


# ---- deskbell ----

def bold(text: str) -> str:
    """Markdown's code spans in bold."""
    parts = text.replace("\\", "\\e").split("`")
    line = "".join(f"\\fB{part}\\fP" if i % 2 else part for i, part in enumerate(parts))
    return "\\&" + line if line[:1] in (".", "'") else line


def table_rows(lines: list[str]) -> list[list[str]]:
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines if line.startswith("| `")]
    return [[cell.replace("`", "") for cell in row] for row in rows]


def option_list(rows: list[list[str]], prefix: str) -> list[str]:
    out = [".Bl -tag -width Ds"]
    for name, value, span, default, reloads, meaning in rows:
        if prefix:
            out.append(f".It Fl \\-{name}" + (f" Ar {value}" if value else ""))
        else:
            out.append(f".It Cm {name}" + (f" Ar {value}" if value else ""))
        out += sentences([meaning])
        notes = [span, f"default {default}" if default else "",
                 "taken over on SIGHUP" if reloads else ""]
        notes = [note for note in notes if note]
        if notes:
            out.append(f"({', '.join(notes)})")
    return [*out, ".El"]


def sections(text: str) -> list[tuple[str, list[str]]]:
    found = []
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        title, _, body = part.partition("\n")
        found.append((title.strip(), body.strip("\n").split("\n")))
    return found


def prose(lines: list[str]) -> list[str]:
    out = []
    for block in "\n".join(line for line in lines if not line.startswith("|")).split("\n\n"):
        if block.strip():
            out += [".Pp"] if out else []
            out += [bold(part) for part in re.split(r"(?<=[.?!]) +(?=[A-Z])", " ".join(block.split()))]
    return out


def commands(text: str) -> str:
    out = []
    for title, body in sections(text):
        if not title.startswith("`deskbell"):
            continue
        words = title.strip("`").split(" ", 1)[1]
        out += [f".Ss {words}", *prose(body)]
        rows = table_rows(body)
        if rows:
            out += option_list(rows, "--")
    return "\n".join(out)


def section(text: str, name: str) -> str:
    for title, body in sections(text):
        if title == name:
            rows = table_rows(body)
            return "\n".join(option_list(rows, "") if rows else prose(body))
    raise KeyError(name)


def desk_page(template: pathlib.Path, tables: pathlib.Path, version: str) -> str:
    text = tables.read_text()
    values = {
        "VERSION": version, "DATE": DATE, "COMMANDS": commands(text),
        "SOURCES": section(text, "Where options come from"), "SIGNALS": section(text, "Signals"),
        "OPTIONS": section(text, "Options of the server"),
    }
    return re.sub(r"@([A-Z]+)@", lambda match: values[match.group(1)], template.read_text())


def main() -> int:
    if sys.argv[1] == "names":
        _, items = parse(pathlib.Path(sys.argv[2]).read_text())
        calls = [name_of(function) for item in items for function in item.functions]
        types = [title_of(d).split()[-1] for item in items for d in item.definitions if not d.startswith("#")]
        print("\n".join(name for name in dict.fromkeys(calls + types) if name.startswith("bell_")))
        return 0
    kind, *arguments, out = sys.argv[1:]
    if kind == "header":
        page = header_page(pathlib.Path(arguments[0]), arguments[1])
    else:
        page = desk_page(pathlib.Path(arguments[0]), pathlib.Path(arguments[1]), arguments[2])
    pathlib.Path(out).write_text(page)
    return 0


sys.exit(main())
