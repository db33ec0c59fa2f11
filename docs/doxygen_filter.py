# SPDX-License-Identifier: MIT
"""What Doxygen reads in place of a file. Headers: names without the inline namespace (rondo::Lstm), and without the
texts that cells include. Pages: formulas in Doxygen's form; links to files of the repository as their names.

Usage: doxygen_filter.py FILE
"""

import pathlib
import re
import sys

CODE = re.compile(r"(^```.*?^```|`[^`\n]+`)", re.DOTALL | re.MULTILINE)


def header(text):
    text = re.sub(r"^#include <\S+\.inl>", "", text, flags=re.MULTILINE)
    text = re.sub(r"\b(et al|e\.g|i\.e)\. (?=[\w(])", r"\1.&nbsp;", text)  # a brief description ends at ". "
    text = re.sub(r"\binline namespace \w+ \{\}", "", text)
    return re.sub(r"\bnamespace rondo::inline \w+", "namespace rondo", text)


def prose(text):
    text = re.sub(r"\$\$(.+?)\$\$", r"\\f[\1\\f]", text, flags=re.DOTALL)
    return re.sub(r"(?<![\w\\$])\$(?=\S)([^$]*?\S)\$(?!\w)", r"\\f$\1\\f$", text)


def link(match):
    """A link to another page or an address stays; one to any other file of the repository becomes its text."""
    text, target = match[1], match[2]
    path, _, anchor = target.partition("#")
    if re.match(r"[a-z]+:", target) or not path:
        return match[0] if path else text
    return f"[{text}]({path})" if re.search(r"^(docs/|\.\./)?(README|\d\d-[\w-]+)\.md$", path) else text


def markdown(text):
    text = re.sub(r"\[([^\]]+)\]\(([^)\s]+)\)", link, text)
    parts = CODE.split(text)
    return "".join(part if n % 2 else prose(part) for n, part in enumerate(parts))


def main():
    path = pathlib.Path(sys.argv[1])
    text = path.read_text()
    sys.stdout.write(header(text) if path.suffix == ".hpp" else markdown(text))


if __name__ == "__main__":
    main()
