#!/usr/bin/env python3
"""What became of every kernel in machine code, as TSV on standard output; needs no GPU and no disassembler.

    kernel_report.py [--arch sm_90]... [--nvcc NVCC] [--include DIR]... [--check] [--wide REGEX] FILE...

A FILE is a cubin, for instance one of those that a build with SMX_KEEP_CUBINS leaves in its folder cubins, or a .cu file, which is
compiled for every --arch.

Registers, stack (where spilled registers go) and static shared memory are what the cubin says of a kernel. The counts of global loads
and stores by width, and of special-function operations, are read from the machine code: the operation is in the low 9 bits of a 16-byte
instruction, the width of an access in bits 73 to 75 (found by compiling kernels of one known instruction; sm_70 to sm_120).

--check fails on a kernel with a stack frame, and on one matching REGEX (--wide) without a 16-byte global load.
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
FRAME_SIZE, REGISTER_COUNT = 0x11, 0x2F  # attributes in .nv.info: of a symbol, a number
COLUMNS = ["arch", "kernel", "registers", "stack", "shared_bytes", "ldg16", "ldg_narrow", "stg16", "stg_narrow", "mufu"]


def sections(cubin):
    """name -> bytes of every section of an ELF file; those without bytes in the file (shared memory) as their size."""
    table_at, = struct.unpack_from("<Q", cubin, 0x28)
    entry_size, entries, names_index = struct.unpack_from("<HHH", cubin, 0x3A)
    table = [struct.unpack_from("<IIQQQQIIQQ", cubin, table_at + i * entry_size) for i in range(entries)]
    found = {}
    for name, kind, _, _, offset, size, *_ in table:
        at = table[names_index][4] + name
        found[cubin[at:cubin.index(b"\0", at)].decode()] = size if kind == 8 else cubin[offset:offset + size]  # 8: SHT_NOBITS
    return found


def attributes(info):
    """(attribute, symbol, number) of every attribute of that form; the others have their size in their head or are four bytes long."""
    at = 0
    while at < len(info):
        form, attribute, size = struct.unpack_from("<BBH", info, at)
        at += 4
        if form == 4:
            if size == 8:
                yield (attribute, *struct.unpack_from("<II", info, at))
            at += size


def count_operations(code):
    counts = collections.Counter()
    for low, high in struct.iter_unpack("<QQ", code):
        operation = OPERATIONS.get(low & 0x1FF)
        if operation in ("ldg", "stg"):
            operation += "16" if high >> 9 & 7 == SIXTEEN_BYTES else "_narrow"
        if operation:
            counts[operation] += 1
    return counts


def kernels_of(cubin):
    found = sections(cubin)
    symbols = [struct.unpack_from("<I", found[".symtab"], at)[0] for at in range(0, len(found[".symtab"]), 24)]
    numbers = {(attribute, symbol): number for attribute, symbol, number in attributes(found[".nv.info"])}
    rows = []
    for symbol, name_at in enumerate(symbols):
        name = found[".strtab"][name_at:found[".strtab"].index(b"\0", name_at)].decode()
        if ".text." + name not in found or (REGISTER_COUNT, symbol) not in numbers:
            continue
        shared = found.get(".nv.shared." + name, 0)
        rows.append({**{column: 0 for column in COLUMNS}, **count_operations(found[".text." + name]), "kernel": name,
                     "registers": numbers[REGISTER_COUNT, symbol], "stack": numbers.get((FRAME_SIZE, symbol), 0),
                     "shared_bytes": shared if isinstance(shared, int) else len(shared)})
    return rows


def arch_of(cubin):
    """The architecture is in the ELF header's flags: in their low byte, or from version 8 of the format on in the second."""
    flags, = struct.unpack_from("<I", cubin, 0x30)
    return f"sm_{flags >> 8 & 0xFF if cubin[8] >= 8 else flags & 0xFF}"


def short_name(demangled):
    """Without the return type and the parameters; parentheses also occur in template arguments and anonymous namespaces."""
    depth = 0
    for at in range(len(demangled) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(demangled[at], 0)
        if depth == 0:
            return re.sub(r"^void ", "", demangled[:at] if demangled[at] == "(" else demangled)
    return demangled


def compile_cubin(options, arch, source):
    with tempfile.TemporaryDirectory() as folder:
        cubin = os.path.join(folder, "kernels.cubin")
        command = [options.nvcc, "-std=c++17", "-O3", "-DSMX_WITH_CUDA=1", "-arch=" + arch, "-cubin", "-o", cubin, source]
        done = subprocess.run(command + ["-I" + d for d in options.include], capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{' '.join(command)}\n{done.stderr}")
        with open(cubin, "rb") as f:
            return f.read()


def read_cubin(path):
    with open(path, "rb") as f:
        return f.read()


def report(cubin):
    rows = kernels_of(cubin)
    plain = subprocess.run(["c++filt"], input="\n".join(row["kernel"] for row in rows), capture_output=True, text=True).stdout.splitlines()
    return [{**row, "arch": arch_of(cubin), "kernel": short_name(readable)} for row, readable in zip(rows, plain)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", action="append", default=[])
    parser.add_argument("--nvcc", default="nvcc")
    parser.add_argument("--include", action="append", default=[])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--wide", metavar="REGEX")
    parser.add_argument("files", nargs="+", metavar="FILE")
    options = parser.parse_args()

    sources = [file for file in options.files if file.endswith(".cu")]
    if sources and not options.arch:
        parser.error(f"{sources[0]}: for which --arch is it to be compiled?")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(compile_cubin, options, arch, source) for arch in options.arch for source in sources]
        cubins = [read_cubin(file) for file in options.files if file not in sources] + [job.result() for job in jobs]
    rows = sorted((row for cubin in cubins for row in report(cubin)), key=lambda row: (row["arch"], row["kernel"]))
    print("\t".join(COLUMNS))
    for row in rows:
        print("\t".join(str(row[column]) for column in COLUMNS))

    spilling = [row for row in rows if row["stack"]]
    narrow = [row for row in rows if options.wide and re.search(options.wide, row["kernel"]) and not row["ldg16"]]
    for row in spilling:
        print(f"{row['arch']} {row['kernel']}: {row['stack']} bytes of stack", file=sys.stderr)
    for row in narrow:
        print(f"{row['arch']} {row['kernel']}: no 16-byte load", file=sys.stderr)
    by_arch = collections.Counter(row["arch"] for row in rows)
    print(f"{len(rows)} kernels ({', '.join(f'{count} for {arch}' for arch, count in sorted(by_arch.items()))}), "
          f"{len(spilling)} with stack or spills, {len(narrow)} without 16-byte loads", file=sys.stderr)
    if not rows or (options.check and (spilling or narrow)):
        sys.exit(1)


if __name__ == "__main__":
    main()
