# SPDX-License-Identifier: MIT
"""mpirun for tests: on any machine, also as root and with more ranks than cores."""

import os
import re
import subprocess

ENVIRONMENT = {
    **os.environ,
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
}


def start(mpirun, *programs):
    """Starts mpirun with (ranks, command) pairs; its output is in pipes."""
    command = [mpirun]
    for ranks, arguments in programs:
        command += ([":"] if len(command) > 1 else []) + ["-np", str(ranks), *map(str, arguments)]
    return subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(mpirun, *programs, timeout=200):
    """The same to its end: exit status, stdout, stderr."""
    process = start(mpirun, *programs)
    out, err = process.communicate(timeout=timeout)
    return process.returncode, out, err


def names_process(rank, text):
    """Whether a launcher says which process died: Open MPI by its rank, MPICH by its number."""
    return re.search(rf"rank {rank}\b|BAD TERMINATION (?s:.*) PID \d+", text)
