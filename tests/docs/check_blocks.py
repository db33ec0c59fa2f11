# SPDX-License-Identifier: MIT
"""Checks that the C++ blocks of README.md, CONTRIBUTING.md and docs/ are regions of sources that the tests compile and
run, and that the table of files in docs/README.md has the numbers of the tree.

A block names its source on the line above it; several regions are joined with an empty line between them:

    <!-- source: tests/docs/network.cpp#state -->
    <!-- source: tests/docs/music.cpp#includes+round_trip -->

In the source a region begins with `// [state]` and ends with `// [/state]`, each on a separate line.

Usage: check_blocks.py SOURCE_DIR [--update]
Prints `FILE:LINE: problem` for each difference; exit status 1 if there is one. --update rewrites the pages.
"""

import itertools
import pathlib
import re
import sys
import textwrap

SOURCES = "tests/docs"
MARKER = re.compile(r"<!-- source: ([\w/.-]+)#([\w+]+) -->")
REGION = re.compile(r"\s*// \[(/?)(\w+)\]$")

# The table in docs/README.md. Each row: description, file, name of the definition, and text of its first line that is
# unique in the file.
TABLE_PAGE = "docs/README.md"
TABLE_BEGIN, TABLE_END = "<!-- table: reading path, by tests/docs/check_blocks.py --update -->", "<!-- end of table -->"
READING_PATH = {
    "Both passes": [
        ("layers and directions of a network", "layers/recurrent.hpp", "Recurrent::forward",
         "& forward(const Input& x, State& state, Cache& cache, Mode mode) const {"),
        ("one layer in one direction: checks, masks, states", "layers/recurrent_layer.hpp", "RecurrentLayer::forward",
         "void forward(const Input& x, MatrixView<Scalar> h,"),
        ("selects the packed or the plain pass", "cpu/recurrent.inl", "recurrent_forward",
         "void recurrent_forward(Cpu cpu, Cell cell,"),
        ("equations (1) to (14) of the cell", "math/cells/lstm.inl", "Equations<LstmCell>",
         "struct Equations<LstmCell> {"),
    ],
    "Plain pass": [
        ("Z = W X + b, then for each step Z(t) += R h(t-1)", "cpu/recurrent_plain.hpp", "recurrent_forward_plain",
         "void recurrent_forward_plain("),
        ("the cell, one column of the batch", "cpu/plain_cell.hpp", "cell_forward", "void cell_forward("),
        ("the matrix products, with Eigen, in tiles: the end of the plain pass", "cpu/gemm.inl", "gemm_tiled",
         "void gemm_tiled("),
    ],
    "Packed pass": [
        ("packs W and R, starts the threads", "cpu/recurrent.inl", "run_forward_steps",
         "void run_forward_steps("),
        ("the loop over time of one thread", "cpu/packed_forward.hpp", "forward_steps", "void forward_steps("),
        ("Z(t) += R h(t-1) and the cell, for one tile of units and columns", "cpu/kernels/recurrent.inl", "gate_tile",
         "inline void gate_tile("),
        ("the cell, one vector of units", "cpu/kernels/recurrent.inl", "cells", "inline void cells("),
        ("the product of one tile, in registers", "cpu/kernels/gemm.inl", "accumulate", "inline void accumulate("),
        ("the operands: float (or bf16)", "cpu/kernels/products.inl", "Fp32", "struct Fp32 {"),
        ("the fused multiply-add: AVX2 (or AVX-512)", "cpu/kernels/levels/avx2.inl", "multiply_add", "_mm256_fmadd_ps"),
    ],
}


def pages(root):
    return [root / "README.md", root / "CONTRIBUTING.md", *sorted((root / "docs").glob("*.md"))]


def read_regions(path):
    """{name: lines} of the regions of a source, without their common indent."""
    regions, open_regions = {}, {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found = REGION.match(line)
        if found and not found[1]:
            if found[2] in regions or found[2] in open_regions:
                raise ValueError(f"{path}:{number}: region {found[2]} begins twice")
            open_regions[found[2]] = []
        elif found:
            if found[2] not in open_regions:
                raise ValueError(f"{path}:{number}: region {found[2]} ends without a beginning")
            regions[found[2]] = textwrap.dedent("\n".join(open_regions.pop(found[2]))).splitlines()
        else:
            for lines in open_regions.values():
                lines.append(line)
    if open_regions:
        raise ValueError(f"{path}: region {', '.join(open_regions)} has no end")
    return regions


def blocks(lines):
    """(first, end) of each C++ block: lines[first:end] is its text, lines[first - 1] the fence."""
    fence = None
    for number, line in enumerate(lines):
        if not line.startswith("```"):
            continue
        if fence is None:
            fence = number
            continue
        if lines[fence].strip() in ("```cpp", "```c++", "```C++"):
            yield fence + 1, number
        fence = None


def first_difference(page, wanted):
    """(number of the line, line of the page, wanted line) where the two lists first differ; None if they are equal."""
    for n, (here, there) in enumerate(itertools.zip_longest(page, wanted, fillvalue="(end)")):
        if here != there:
            return n, here, there
    return None


def check_page(root, path, update, used, problems):
    lines = path.read_text().splitlines()
    name = path.relative_to(root)
    for first, end in reversed(list(blocks(lines))):
        marker = MARKER.fullmatch(lines[first - 2].strip()) if first >= 2 else None
        if not marker:
            problems.append(f"{name}:{first}: this block has no source: <!-- source: {SOURCES}/FILE.cpp#NAME -->")
            continue
        source = root / marker[1]
        build = root / SOURCES / "CMakeLists.txt"
        if source.parent != root / SOURCES or not re.search(rf"\b{re.escape(source.name)}\b", build.read_text()):
            problems.append(f"{name}:{first - 1}: {marker[1]} is not built by {SOURCES}/CMakeLists.txt")
            continue
        if not source.exists():
            problems.append(f"{name}:{first - 1}: {marker[1]} does not exist")
            continue
        regions, wanted = read_regions(source), []
        for region in marker[2].split("+"):
            if region not in regions:
                problems.append(f"{name}:{first - 1}: {marker[1]} has no region [{region}]")
                break
            used.add((source.name, region))
            wanted += ([""] if wanted else []) + regions[region]
        else:
            if update:
                lines[first:end] = wanted
                continue
            if found := first_difference(lines[first:end], wanted):
                n, here, there = found
                problems.append(f"{name}:{first + n + 1}: differs from {marker[1]}#{marker[2]}\n"
                                f"  page:   {here}\n  source: {there}")
    if update:
        path.write_text("\n".join(lines) + "\n")


def length(path, beginning):
    """The number of lines of the definition whose first line contains this text."""
    lines = path.read_text().splitlines()
    starts = [n for n, line in enumerate(lines) if beginning in line]
    if len(starts) != 1:
        raise ValueError(f"{path}: {len(starts)} lines with \"{beginning}\"; correct READING_PATH in {SOURCES}/check_blocks.py")
    if lines[starts[0]].endswith("}"):
        return 1
    indent = re.match(r"\s*", lines[starts[0]])[0]
    return next(n for n in range(starts[0], len(lines)) if re.fullmatch(indent + r"\};?", lines[n])) - starts[0] + 1


def table(root):
    rows = ["| what it does | definition | file | lines |", "|---|---|---|---|"]
    for part, definitions in READING_PATH.items():
        counts = [length(root / "include/rondo" / file, beginning) for _, file, _, beginning in definitions]
        rows.append(f"| **{part}** | | | **{sum(counts)}** |")
        for (what, file, name, _), lines in zip(definitions, counts):
            rows.append(f"| {what} | `{name}` | [`{file}`](../include/rondo/{file}) | {lines} |")
    return rows


def check_table(root, update, problems):
    path = root / TABLE_PAGE
    lines = path.read_text().splitlines()
    if lines.count(TABLE_BEGIN) != 1 or lines.count(TABLE_END) != 1:
        problems.append(f"{TABLE_PAGE}: wanted one \"{TABLE_BEGIN}\" and one \"{TABLE_END}\"")
        return
    first, end = lines.index(TABLE_BEGIN) + 1, lines.index(TABLE_END)
    wanted = ["", *table(root), ""]
    if update:
        lines[first:end] = wanted
        path.write_text("\n".join(lines) + "\n")
        return
    if found := first_difference(lines[first:end], wanted):
        n, here, there = found
        problems.append(f"{TABLE_PAGE}:{first + n + 1}: the table is out of date; run {SOURCES}/check_blocks.py . --update\n"
                        f"  page: {here}\n  tree: {there}")


def main():
    root, update = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:] == ["--update"]
    if sys.argv[2:] and not update:
        sys.exit(f"check_blocks.py: unknown option {sys.argv[2]}; wanted --update")
    problems, used = [], set()
    try:
        for page in pages(root):
            check_page(root, page, update, used, problems)
        for source in sorted((root / SOURCES).glob("*.cpp")):
            for region in read_regions(source):
                if (source.name, region) not in used:
                    problems.append(f"{SOURCES}/{source.name}: no page shows region [{region}]")
        if not used:
            problems.append("no page has a block with a source")
        check_table(root, update, problems)
    except ValueError as problem:
        problems.append(str(problem))
    print("\n".join(problems) or f"{len(used)} regions in the pages agree with their sources")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
