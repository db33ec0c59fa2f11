#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks that the Markdown pages refer to files, headings and paths that exist.

    python3 tests/style/check_links.py [FILE...]

Checked are relative links with their anchors, and paths of sources in backticks. A path may be shortened at its
beginning (`layers/lstm.hpp`). Names with the placeholder NAME and the list of old names in CHANGELOG.md are not checked.
Exit status 1 if something is missing.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
PATH = re.compile(r"`((?:[\w.-]+/)*[\w.-]+\.(?:hpp|cpp|cu|cuh|inl|py|sh|cmake|md))`")


def anchors(text):
    """GitHub's names of the headings."""
    result = set()
    for heading in re.findall(r"^#+ (.*)$", FENCE.sub("", text), re.MULTILINE):
        heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        result.add(re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-"))
    return result


def check(page, tracked, folders):
    text = (ROOT / page).read_text(encoding="utf-8")
    for number, line in enumerate(FENCE.sub(lambda m: "\n" * m[0].count("\n"), text).splitlines(), 1):
        for link in LINK.findall(re.sub(r"`[^`]*`", "", line) if "](" in line else line):
            path, _, anchor = link.partition("#")
            if re.match(r"[a-z]+:", link):
                continue
            target = (ROOT / page).parent / path if path else ROOT / page
            name = target.resolve().relative_to(ROOT).as_posix() if target.resolve().is_relative_to(ROOT) else None
            if name not in tracked and name not in folders:
                yield f"{page}:{number}: the link {link} leads to no file of the repository"
            elif anchor and anchor not in anchors(target.read_text(encoding="utf-8")):
                yield f"{page}:{number}: the link {link} leads to no heading"
        if page == "CHANGELOG.md":
            continue
        for path in PATH.findall(line):
            if "NAME" not in path and not any(f == path or f.endswith("/" + path) for f in tracked):
                yield f"{page}:{number}: there is no file {path}"


def main():
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    tracked = {f for f in listing.split("\n") if f and (ROOT / f).exists()}
    folders = {p.as_posix() for f in tracked for p in pathlib.PurePosixPath(f).parents}
    pages = [str(pathlib.Path(f).resolve().relative_to(ROOT)) for f in sys.argv[1:]]
    pages = pages or sorted(f for f in tracked if f.endswith(".md"))
    findings = [finding for page in pages for finding in check(page, tracked, folders)]
    print("\n".join(findings) or f"links: {len(pages)} pages, no findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
