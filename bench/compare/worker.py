# SPDX-License-Identifier: MIT
"""What the programs of other libraries share: names of benchmarks, the timing loop, and a line protocol.

A request is a line "NAME SECONDS" on stdin: run the benchmark of that name for about so many seconds. The reply is a
line of JSON on stdout: {"ms": mean milliseconds of a call} and what else the library has to say, or null where it has
no such operation. The first line on stdout, before any request, is a JSON object of versions and settings.
"""

import json
import sys
import time


def parse(name):
    """("lstm_step", {"T": 1, "B": 1, ...}) from "lstm_step/T:1/B:1/..."."""
    operation, *arguments = name.split("/")
    pairs = (argument.split(":") for argument in arguments)
    return operation, {key: int(value) if value.isdigit() else value for key, value in pairs}


def mean_ms(call, seconds):
    """Milliseconds of one call: calls it twice to warm up, then for at least `seconds`, at least once."""
    call(), call()
    count, batch = 0, 1
    start = now = time.perf_counter()
    while now - start < seconds:
        for _ in range(batch):  # so many between two looks at the clock that looking costs nothing
            call()
        count += batch
        now = time.perf_counter()
        batch = max(1, int(0.02 * seconds * count / (now - start)))
    return (now - start) / count * 1e3


def serve(about, make_call):
    """Answers requests until stdin ends. make_call(operation, arguments) gives a function to be timed, and a dict that
    goes into the reply; None where there is no such operation. What was made last is kept for the next request."""
    print(json.dumps(about), flush=True)
    last_name, made = None, None
    for line in sys.stdin:
        name, seconds = line.split()
        if name != last_name:
            made = None  # frees memory before the next is made
            last_name, made = name, make_call(*parse(name))
        reply = None
        if made is not None:
            call, extra = made
            reply = {"ms": mean_ms(call, float(seconds)), **extra}
        print(json.dumps(reply), flush=True)
