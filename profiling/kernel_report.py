#!/usr/bin/env python3
"""What nvcc and ptxas made of every kernel, as TSV on standard output; needs no GPU and no disassembler.

    kernel_report.py --arch sm_90 [--arch ...] [--nvcc NVCC] [--include DIR]... [--check] [--wide REGEX] FILE.cu...

Registers, stack, spills and shared memory are what ptxas says. The counts of global loads and stores by width, and of special-function
operations, are read from the machine code: the operation is in the low 9 bits of a 16-byte instruction, the width of an access in bits
73 to 75 (found by compiling kernels of one known instruction; sm_70 to sm_120).

--check fails on a kernel with a stack frame or spills, and on one matching REGEX (--wide) without a 16-byte global load.
"""
import argparse
import collections
import concurrent.futures
import os
import re
import struct
import subprocess
import sys
import tempfile

OPERATIONS = {0x181: "ldg", 0x186: "stg", 0x180: "ldg", 0x185: "stg", 0x108: "mufu"}  # generic accesses count as global ones
SIXTEEN_BYTES = 6
COLUMNS = ["arch", "kernel", "registers", "stack", "spill_bytes", "shared_bytes", "ldg16", "ldg_narrow", "stg16", "stg_narrow", "mufu"]


def sections(cubin):
    """(name, instructions) of every kernel's code in an ELF file."""
    table_at, = struct.unpack_from("<Q", cubin, 0x28)
    entry_size, entries, names_index = struct.unpack_from("<HHH", cubin, 0x3A)
    table = [struct.unpack_from("<IIQQQQIIQQ", cubin, table_at + i * entry_size) for i in range(entries)]
    for section in table:
        at = table[names_index][4] + section[0]
        name = cubin[at:cubin.index(b"\0", at)].decode()
        if name.startswith(".text."):
            yield name[len(".text."):], (struct.unpack_from("<QQ", cubin, section[4] + i) for i in range(0, section[5], 16))


def count_accesses(cubin):
    counts = {}
    for name, instructions in sections(cubin):
        c = counts[name] = collections.Counter()
        for low, high in instructions:
            operation = OPERATIONS.get(low & 0x1FF)
            if operation in ("ldg", "stg"):
                operation += "16" if high >> 9 & 7 == SIXTEEN_BYTES else "_narrow"
            if operation:
                c[operation] += 1
    return counts


def parse_ptxas(text):
    kernels, current = {}, None
    for line in text.splitlines():
        if m := re.search(r"Compiling entry function '(\S+)'", line):
            current = kernels.setdefault(m[1], collections.Counter())
        elif m := re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", line):
            current["stack"], current["spill_bytes"] = int(m[1]), int(m[2]) + int(m[3])
        elif m := re.search(r"Used (\d+) registers", line):
            current["registers"] = int(m[1])
            if m := re.search(r"(\d+) bytes smem", line):
                current["shared_bytes"] = int(m[1])
    return kernels


def short_name(demangled):
    """Without the return type and the parameters; parentheses also occur in template arguments and anonymous namespaces."""
    depth = 0
    for at in range(len(demangled) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(demangled[at], 0)
        if depth == 0:
            return re.sub(r"^void ", "", demangled[:at] if demangled[at] == "(" else demangled)
    return demangled


def report(options, arch, source):
    with tempfile.TemporaryDirectory() as folder:
        cubin = os.path.join(folder, "kernels.cubin")
        command = [options.nvcc, "-std=c++17", "-O3", "-DSMX_WITH_CUDA=1", "-arch=" + arch, "-cubin", "-Xptxas", "-v", "-o", cubin, source]
        done = subprocess.run(command + ["-I" + d for d in options.include], capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{' '.join(command)}\n{done.stderr}")
        kernels = parse_ptxas(done.stderr)
        with open(cubin, "rb") as f:
            accesses = count_accesses(f.read())
    plain = subprocess.run(["c++filt"], input="\n".join(kernels), capture_output=True, text=True).stdout.splitlines()
    rows = []
    for (name, resources), readable in zip(kernels.items(), plain):
        rows.append({**{column: 0 for column in COLUMNS}, **resources, **accesses[name], "arch": arch, "kernel": short_name(readable)})
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", action="append", required=True)
    parser.add_argument("--nvcc", default="nvcc")
    parser.add_argument("--include", action="append", default=[])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--wide", metavar="REGEX")
    parser.add_argument("files", nargs="+")
    options = parser.parse_args()

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(report, options, arch, source) for arch in options.arch for source in options.files]
        rows = sorted((row for job in jobs for row in job.result()), key=lambda row: (row["arch"], row["kernel"]))
    print("\t".join(COLUMNS))
    for row in rows:
        print("\t".join(str(row[column]) for column in COLUMNS))

    spilling = [row for row in rows if row["stack"] or row["spill_bytes"]]
    narrow = [row for row in rows if options.wide and re.search(options.wide, row["kernel"]) and not row["ldg16"]]
    for row in spilling:
        print(f"{row['arch']} {row['kernel']}: {row['stack']} bytes of stack, {row['spill_bytes']} bytes spilled", file=sys.stderr)
    for row in narrow:
        print(f"{row['arch']} {row['kernel']}: no 16-byte load", file=sys.stderr)
    print(f"{len(rows)} kernels, {len(spilling)} with stack or spills, {len(narrow)} without 16-byte loads", file=sys.stderr)
    if not rows or (options.check and (spilling or narrow)):
        sys.exit(1)


if __name__ == "__main__":
    main()
