#!/usr/bin/env python3
"""What became of every kernel in machine code, as TSV on standard output; needs no GPU and no disassembler.

    kernel_report.py [--arch sm_90]... [--nvcc NVCC] [--include DIR]... [--check] [--wide REGEX] [--tsv FILE] [--compare FILE] FILE...

A FILE is a cubin, for instance one of those that a build with SMX_KEEP_CUBINS leaves in its folder cubins, or a .cu file, which is
compiled for every --arch.

Registers, stack (where spilled registers go) and static shared memory are what the cubin says of a kernel. The counts of global loads
and stores by width, and of special-function operations, are read from the machine code: the operation is in the low 9 bits of a 16-byte
instruction, the width of an access in bits 73 to 75, the special function in bits 74 to 77 (found by compiling kernels of one known
instruction; sm_70 to sm_120).

--check fails on a kernel with a stack frame, and on one matching REGEX (--wide) without a 16-byte global load.

--tsv writes to FILE what a kernel takes of a multiprocessor: registers, stack, loads and stores of local memory (spills), static shared
memory, the widest global load and store in bytes, 2^x instructions (MUFU.EX2) in the code, those per element where a thread holds all its
elements at once (row_registers, whose name says how many; merging the row states is counted in), threads of a block, and the occupancy
that follows from registers, threads and static shared memory, in percent. profiling/resources.tsv is to be such a file of all kernels; this
makes it, in minutes:

    profiling/kernel_report.py --arch sm_80 --arch sm_90 --include include --include host --tsv profiling/resources.tsv cuda/*.cu

--compare reads such a FILE, prints what has moved since, and fails on kernels that spill more or have lost 16-byte accesses. Kernels that
are in one of the two only are counted.
"""
import argparse
import collections
import concurrent.futures
import csv
import os
import re
import struct
import subprocess
import sys
import tempfile

# Generic accesses count as global ones.
OPERATIONS = {0x181: "ldg", 0x186: "stg", 0x180: "ldg", 0x185: "stg", 0x183: "local", 0x187: "local", 0x108: "mufu"}
SIXTEEN_BYTES = 6
WIDTHS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 8, SIXTEEN_BYTES: 16}
EX2 = 2
FRAME_SIZE, REGISTER_COUNT = 0x11, 0x2F  # attributes in .nv.info: of a symbol, a number
MOST_THREADS = 0x05  # in .nv.info.KERNEL: three numbers
# Of a multiprocessor: threads, blocks, registers, bytes of shared memory (CUDA C++ programming guide, "Compute Capabilities").
LIMITS = {"sm_75": (1024, 16, 65536, 64 << 10), "sm_80": (2048, 32, 65536, 164 << 10), "sm_86": (1536, 16, 65536, 100 << 10),
          "sm_89": (1536, 24, 65536, 100 << 10), "sm_90": (2048, 32, 65536, 228 << 10), "sm_100": (2048, 32, 65536, 228 << 10),
          "sm_120": (1536, 24, 65536, 100 << 10)}
RESOURCES = ["arch", "kernel", "registers", "stack", "local", "shared_bytes", "widest_load", "widest_store", "ex2", "ex2_per_element",
             "threads", "occupancy"]
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
            width = high >> 9 & 7
            widest = "widest_load" if operation == "ldg" else "widest_store"
            counts[widest] = max(counts[widest], WIDTHS.get(width, 0))
            operation += "16" if width == SIXTEEN_BYTES else "_narrow"
        if operation == "mufu" and high >> 10 & 15 == EX2:
            counts["ex2"] += 1
        if operation:
            counts[operation] += 1
    return counts


def most_threads(info):
    """Of a block, where the kernel has launch bounds; else 0."""
    at = 0
    while at < len(info):
        form, attribute, size = struct.unpack_from("<BBH", info, at)
        at += 4
        if form == 4:
            if attribute == MOST_THREADS:
                x, y, z = struct.unpack_from("<III", info, at)
                return x * y * z
            at += size
    return 0


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
        rows.append({**{column: 0 for column in COLUMNS + RESOURCES}, **count_operations(found[".text." + name]), "kernel": name,
                     "threads": most_threads(found.get(".nv.info." + name, b"")),
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


def resources_of(row):
    """The row with what follows from the others: ex2 per element, occupancy; "-" where that cannot be told."""
    shape = re.search(r"row_registers::shape<\d+, \d+, (\d+)>", row["kernel"])
    per_element = f"{row['ex2'] / int(shape.group(1)):.2f}" if shape else "-"
    occupancy = "-"
    if row["arch"] in LIMITS and row["threads"]:
        threads, blocks, registers, shared = LIMITS[row["arch"]]
        warps = -(-row["threads"] // 32)
        of_block = warps * (-(-row["registers"] * 32 // 256) * 256)  # registers are given to warps in pieces of 256
        resident = min(threads // row["threads"], blocks, registers // of_block, shared // (row["shared_bytes"] + 1024))
        occupancy = f"{100 * resident * row['threads'] / threads:.0f}"
    return {**row, "ex2_per_element": per_element, "occupancy": occupancy, "threads": row["threads"] or "-"}


def write_resources(file, rows):
    with open(file, "w", encoding="utf-8") as out:
        out.write("\t".join(RESOURCES) + "\n")
        for row in map(resources_of, rows):
            out.write("\t".join(str(row[column]) for column in RESOURCES) + "\n")


def compare_resources(file, rows):
    """Prints what has moved; how many kernels became worse."""
    with open(file, encoding="utf-8") as opened:
        before = {(row["arch"], row["kernel"]): row for row in csv.DictReader(opened, delimiter="\t")}
    now = {(row["arch"], row["kernel"]): {key: str(value) for key, value in resources_of(row).items()} for row in rows}
    worse = moved = 0
    for key in sorted(before.keys() & now.keys()):
        old, new = before[key], now[key]
        changes = [f"{column} {old[column]} -> {new[column]}" for column in RESOURCES[2:] if old[column] != new[column]]
        spills = any(int(new[column]) > int(old[column]) for column in ("stack", "local"))
        narrower = any(int(new[column]) < 16 <= int(old[column]) for column in ("widest_load", "widest_store"))
        moved += bool(changes)
        worse += spills or narrower
        if changes:
            verdict = " SPILLS MORE" * spills + " LOST 16-BYTE ACCESSES" * narrower
            print(f"{key[0]} {key[1]}: {', '.join(changes)}{verdict}", file=sys.stderr)
    archs = {arch for arch, _ in now}
    gone = sum(key not in now for key in before if key[0] in archs)
    print(f"beside {file}: {moved} kernels moved, {worse} for the worse; {len(now.keys() - before.keys())} are new, "
          f"{gone} of it are not here", file=sys.stderr)
    return worse


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", action="append", default=[])
    parser.add_argument("--nvcc", default="nvcc")
    parser.add_argument("--include", action="append", default=[])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--wide", metavar="REGEX")
    parser.add_argument("--tsv", metavar="FILE")
    parser.add_argument("--compare", metavar="FILE")
    parser.add_argument("files", nargs="+", metavar="FILE")
    options = parser.parse_args()

    sources = [file for file in options.files if file.endswith(".cu")]
    if sources and not options.arch:
        parser.error(f"{sources[0]}: for which --arch is it to be compiled?")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(compile_cubin, options, arch, source) for arch in options.arch for source in sources]
        cubins = [read_cubin(file) for file in options.files if file not in sources] + [job.result() for job in jobs]
    rows = sorted((row for cubin in cubins for row in report(cubin)), key=lambda row: (row["arch"], row["kernel"]))
    if not options.tsv and not options.compare:
        print("\t".join(COLUMNS))
        for row in rows:
            print("\t".join(str(row[column]) for column in COLUMNS))
    worse = compare_resources(options.compare, rows) if options.compare else 0
    if options.tsv:
        write_resources(options.tsv, rows)

    spilling = [row for row in rows if row["stack"]]
    narrow = [row for row in rows if options.wide and re.search(options.wide, row["kernel"]) and not row["ldg16"]]
    for row in spilling:
        print(f"{row['arch']} {row['kernel']}: {row['stack']} bytes of stack", file=sys.stderr)
    for row in narrow:
        print(f"{row['arch']} {row['kernel']}: no 16-byte load", file=sys.stderr)
    by_arch = collections.Counter(row["arch"] for row in rows)
    print(f"{len(rows)} kernels ({', '.join(f'{count} for {arch}' for arch, count in sorted(by_arch.items()))}), "
          f"{len(spilling)} with stack or spills, {len(narrow)} without 16-byte loads", file=sys.stderr)
    if not rows or worse or (options.check and (spilling or narrow)):
        sys.exit(1)


if __name__ == "__main__":
    main()
