# SPDX-License-Identifier: MIT
"""Checks the machine code of the kernels, also on machines without a GPU: registers, spills and static shared memory of
each, the presence of the instructions on which the design depends, and in the persistent kernels chains of dependent tile
products and fences over all memory.

Usage: check_kernels.py CUOBJDUMP LIBRONDO_CUDA. Prints the persistent kernels; on failure one line each, and status 1.
"""

import re
import subprocess
import sys

REGISTERS = 255  # maximum per thread
STACK_BYTES = 64  # per thread: tolerates a few words
SHARED_BYTES = 3072  # static, without the driver's part
DEPENDENT_TILES = 3  # in a row, of which each waits for the one before: the compiler moves a few together
FENCE = r"MEMBAR\.\S*(?:GPU|SYS)"  # over all memory
RESERVED_BYTES = 1024  # per block by the driver, from sm_90 on; included in cuobjdump's figure


def run(*command):
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout


def by_kernel(text, pattern):
    """{(architecture, mangled name): text up to the next kernel}"""
    kernels = {}
    architecture, key = 0, None
    for line in text.splitlines():
        if found := re.match(r"arch = sm_(\d+)", line):
            architecture = int(found[1])
            key = None
        elif found := re.match(pattern, line):
            key = (architecture, found[1])
            kernels[key] = []
        elif key:
            kernels[key].append(line)
    return {key: "\n".join(lines) for key, lines in kernels.items()}


class Kernel:
    """One kernel in the two dumps. Mangled names contain the names of template arguments unchanged."""

    def __init__(self, architecture, name, resources, code):
        self.architecture, self.name, self.code = architecture, name, code
        self.uses = {key: int(value) for key, value in re.findall(r"\b(REG|STACK|SHARED|LOCAL):(\d+)", resources)}
        self.dataflow = re.search(r"\d+dataflowI", name) is not None
        self.persistent = self.dataflow or re.search(r"\d+persistentI", name) is not None
        self.cluster, self.grid = "ClusterExchange" in name, "GridExchange" in name
        self.tiles = "TileProduct" in name

    def instructions(self, pattern):
        return len(re.findall(rf"\s{pattern}", self.code))

    def dependent_tiles(self):
        """The most tile products in a row, each of which adds to the result of the one directly before."""
        longest = length = 0
        before = None
        for registers in re.findall(r"\sHMMA\S* (.*?);", self.code):
            result, _, _, addend = [register.split(".")[0].strip() for register in registers.split(",")]
            length = length + 1 if addend == before else 1
            longest, before = max(longest, length), result
        return longest

    def faults(self):
        reserved = RESERVED_BYTES if self.architecture >= 90 else 0
        shared = self.uses["SHARED"] - reserved
        if self.uses["REG"] > REGISTERS:
            yield f"{self.uses['REG']} registers"
        if self.uses["STACK"] + self.uses["LOCAL"] > STACK_BYTES:
            yield f"{self.uses['STACK']} bytes of stack and {self.uses['LOCAL']} of local memory"
        if shared > (0 if self.persistent else SHARED_BYTES):  # persistent kernels use dynamic shared memory only
            yield f"{shared} bytes of static shared memory"
        if (self.cluster or self.dataflow) and self.architecture < 90:
            return  # no clusters: the kernel is empty
        if self.tiles and not self.instructions("HMMA"):
            yield "no tile products (HMMA)"
        if (dependent := self.dependent_tiles()) > DEPENDENT_TILES:
            yield f"{dependent} tile products in a row that wait for each other"
        if self.persistent and not self.tiles and not self.instructions("FFMA"):
            yield "no fused multiply-adds (FFMA)"
        if self.grid and not (self.instructions("RED[G.]") and self.instructions(r"MEMBAR[.\w]*GPU|LD[.\w]*STRONG.GPU")):
            yield "no barrier of the grid (RED and ordered loads)"
        approximate = self.persistent and "Bf16" in self.name and "ForwardCells" in self.name
        if self.persistent and approximate != (self.instructions(r"MUFU\.TANH") > 0):
            yield "no approximate tanh (MUFU.TANH)" if approximate else "an approximate tanh (MUFU.TANH)"
        between = re.search(r"\sREDG?\..*\n((?:.*\n)*?).*\sCCTL\.IVALL", self.code)
        if self.grid and "ForwardCells" in self.name and between and re.search(r"\sFADD\s", between[1]):
            yield "an addition between arrival at the barrier of the grid and wait: it waits for the loads of the next step"
        if self.grid and (fences := self.instructions(FENCE)) > self.instructions("RED[G.]"):
            yield f"{fences} fences over all memory: more than arrivals at the barrier of the grid"
        yield from self.dataflow_faults() if self.dataflow else ()
        if self.cluster and not (self.instructions("UCGABAR_ARV") and self.instructions("UCGABAR_WAIT")):
            yield "no barrier of the cluster (UCGABAR)"
        if self.cluster and not self.instructions(r"ST(AS)?\.(E\.)?(64|128)"):
            yield "no wide stores to distributed shared memory (ST.E or STAS)"

    def dataflow_faults(self):
        if self.uses["STACK"] + self.uses["LOCAL"]:
            yield f"{self.uses['STACK']} bytes of stack and {self.uses['LOCAL']} of local memory, wanted none"
        if not (self.instructions(r"STAS\S*") and self.instructions(r"SYNCS\S*TRYWAIT")):
            yield "no asynchronous stores (STAS) or no barrier that counts them (SYNCS)"
        step = re.search(r"LDG\.E\.128\.STRONG\.GPU(?:.*\n)+.*STG\.E\.STRONG\.GPU", self.code)
        if not step:
            yield "no slots that are polled and written (LDG and STG with STRONG.GPU)"
        elif re.search(rf"{FENCE}|UCGABAR|\sREDG?\.", step[0]):
            yield "a fence over all memory or a wide barrier between the polls of a step and its outputs"

    def __str__(self):
        """persistent TileProduct HalfArithmetic Bf16 ClusterExchange BackwardCells, sm_90"""
        known = (r"FmaProductI(?:Li\d+E)+|TileProduct|HalfArithmetic|Bf16|Fp16|Tf32Arithmetic|ClusterExchange|"
                 r"GridExchange|ForwardCells|BackwardCells|LstmCell|GruCell")
        parts = [part.replace("ILi", "<").replace("ELi", ", ").replace("E", ">") if "ILi" in part else part
                 for part in re.findall(known, self.name)]
        kind = "dataflow" if self.dataflow else "persistent"
        return f"{' '.join([kind, *parts]) if self.persistent else self.name}, sm_{self.architecture}"


def main():
    cuobjdump, library = sys.argv[1:]
    resources = by_kernel(run(cuobjdump, "--dump-resource-usage", library), r"\s*Function (\S+):")
    code = by_kernel(run(cuobjdump, "--dump-sass", library), r"\s*Function : (\S+)")
    assert resources.keys() == code.keys(), f"in only one of the dumps:  {resources.keys() ^ code.keys()}"
    kernels = [Kernel(*key, resources[key], code[key]) for key in sorted(resources)]

    persistent = [kernel for kernel in kernels if kernel.persistent]
    for kernel in persistent:
        uses = kernel.uses
        print(f"{kernel}: {uses['REG']} registers, {uses['STACK']} bytes of stack, {kernel.instructions('HMMA')} HMMA, "
              f"{kernel.dependent_tiles()} in a row dependent, {kernel.instructions(FENCE)} fences, "
              f"{kernel.instructions('FFMA')} FFMA, {kernel.instructions(r'LD[SG]')} loads")
    faults = [f"{kernel}: {fault}" for kernel in kernels for fault in kernel.faults()]
    for wanted in ("cluster", "grid", "dataflow", "tiles"):  # fails if names change
        if not any(getattr(kernel, wanted) for kernel in persistent):
            faults.append(f"{library}: no persistent kernel of type '{wanted}' was found")
    print(f"{len(kernels)} kernels, {len(faults)} faults")
    for fault in faults:
        print(f"check_kernels.py: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
