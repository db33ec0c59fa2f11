# SPDX-License-Identifier: MIT
"""Shared code of the other libraries' programs: parsing of benchmark names, the timing loop, and a line protocol.

A request is a line "NAME SECONDS" on stdin: run this benchmark for about SECONDS. The reply is a line of JSON on
stdout: {"ms": mean milliseconds per call} with optional further values, or null if the operation is not supported. The
first line on stdout, before any request, is a JSON object of versions and settings.
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
    """Mean milliseconds per call: two warm-up calls, then at least one call and at least `seconds`."""
    call(), call()
    count, batch = 0, 1
    start = now = time.perf_counter()
    while now - start < seconds:
        for _ in range(batch):  # large enough that reading the clock costs nothing
            call()
        count += batch
        now = time.perf_counter()
        batch = max(1, int(0.02 * seconds * count / (now - start)))
    return (now - start) / count * 1e3


def serve(about, make_call):
    """Answers requests until stdin ends. make_call(operation, arguments) returns a function to time and a dict with
    further values for the reply, or None if the operation is not supported. The last function is kept for the next
    request."""
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
