# SPDX-License-Identifier: MIT
"""Runs programs and collects failures; .npy files. Only the standard library is used."""
import array
import struct
import subprocess

failures = []
KINDS = {"<f4": "f", "<f8": "d", "<i4": "i"}  # of .npy and of array


def check(condition, what):
    if not condition:
        failures.append(what)
        print("failed:", what)


def run(program, *words, status=0):
    """The standard output, or the standard error of a failure, which is one line if the status is 1."""
    done = subprocess.run([str(program), *map(str, words)], capture_output=True, text=True, timeout=300)
    check(done.returncode == status, f"{program.name} {' '.join(map(str, words))}: exit status {done.returncode}, "
                                     f"wanted {status}: {done.stderr}")
    if status == 1:
        check(done.stdout == "" and done.stderr.count("\n") == 1, f"one line on stderr: {done.stderr!r}")
    return done.stdout if status == 0 else done.stderr


def write_npy(path, values, shape, kind="<f4"):
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (63 - (10 + len(header)) % 64) + "\n"
    data = array.array(KINDS[kind], values).tobytes()
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data)


def read_npy(path):
    """(header, values)."""
    data = path.read_bytes()
    length = struct.unpack("<H", data[8:10])[0]
    header = data[10:10 + length].decode()
    return header, list(array.array("f" if "<f4" in header else "d", data[10 + length:]))
