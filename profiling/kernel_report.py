#!/usr/bin/env python3
"""What became of every kernel in machine code, as TSV on standard output; needs no GPU and no disassembler.

    kernel_report.py [--arch sm_90]... [--nvcc NVCC] [--include DIR]... [--check] [--wide REGEX] [--tsv FILE] [--compare FILE] FILE...

A FILE is a cubin, for instance one of those that a build with SMX_KEEP_CUBINS leaves in its folder cubins, or a .cu file, which is
compiled for every --arch.

Registers, stack (where spilled registers go) and static shared memory are what the cubin says of a kernel. The counts of global loads
and stores by width, and of special-function operations, are read from the machine code: the operation is in the low 9 bits of a 16-byte
instruction, the width of an access in bits 73 to 75, the special function in bits 74 to 77 (found by compiling kernels of one known
instruction; sm_70 to sm_120).

--tsv writes to FILE what a kernel takes of a multiprocessor: registers, stack, loads and stores of local memory (spills), static shared
memory, the widest global load and store in bytes, 2^x instructions (MUFU.EX2) in the code, those per element where a thread holds all its
elements at once (row_registers, whose name says how many; merging the row states is counted in), threads of a block, the occupancy that
follows from registers, threads and static shared memory, in percent, what a thread has on its way at once, bytes of 16-byte loads that
the machine code asks for before it waits for the first of them (reporting/machine_code.py), and the loads in flight: bytes per
multiprocessor, resident threads x that, or what a thread holds of its rows at once if that is less. What it holds follows from the name of
the shape, of row_stream and row_strided in words of 4 bytes, as in cuda/; of kernels without such a name it is unknown.

--compare reads such a FILE, prints what has moved since, and fails on kernels that spill more or have lost 16-byte accesses.

--check fails on a kernel that spills; that matches REGEX (--wide) and has no 16-byte global load; that has more 2^x instructions than
elements to hold (row_registers: one per element, and a few); that has fewer than 32 KB of loads in flight for sm_80 or sm_90; and, with
--compare, that FILE lacks. The rules are in reporting/kernel_rules.py.

profiling/resources.tsv is such a file of all kernels. This makes it, in ten minutes on two cores, compiling as many files at a time as there
are cores, those that take longest first; cubins of one architecture, where a build has left them, save half of it:

    profiling/kernel_report.py --arch sm_80 --arch sm_90 --include include --include host --tsv profiling/resources.tsv \\
        cuda/*gradient*.cu cuda/batch_*.cu cuda/*.cu
    profiling/kernel_report.py --arch sm_80 --include include --include host --tsv profiling/resources.tsv build/dev/cubins/*.cubin \\
        cuda/*gradient*.cu cuda/batch_*.cu cuda/*.cu
"""
import argparse
import collections
import concurrent.futures
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "reporting"))
import kernel_rules  # noqa: E402
import machine_code  # noqa: E402

# Generic accesses count as global ones.
OPERATIONS = {0x181: "ldg", 0x186: "stg", 0x180: "ldg", 0x185: "stg", 0x183: "local", 0x187: "local", 0x108: "mufu"}
SIXTEEN_BYTES = 6
WIDTHS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 8, SIXTEEN_BYTES: 16}
EX2 = 2
FRAME_SIZE, REGISTER_COUNT = 0x11, 0x2F  # attributes in .nv.info: of a symbol, a number
MOST_THREADS = 0x05  # in .nv.info.KERNEL: three numbers
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
    arch = int(arch_of(cubin)[3:])
    symbols = [struct.unpack_from("<I", found[".symtab"], at)[0] for at in range(0, len(found[".symtab"]), 24)]
    numbers = {(attribute, symbol): number for attribute, symbol, number in attributes(found[".nv.info"])}
    rows = []
    for symbol, name_at in enumerate(symbols):
        name = found[".strtab"][name_at:found[".strtab"].index(b"\0", name_at)].decode()
        if ".text." + name not in found or (REGISTER_COUNT, symbol) not in numbers:
            continue
        shared = found.get(".nv.shared." + name, 0)
        rows.append({**{column: 0 for column in COLUMNS + kernel_rules.COLUMNS}, **count_operations(found[".text." + name]), "kernel": name,
                     "on_the_way": machine_code.most_on_the_way(found[".text." + name], arch),
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


def compare(file, rows):
    """Prints what has moved since FILE was made; how many kernels became worse, and how many it lacks."""
    recorded = kernel_rules.read_resources(file)
    here = {(row["arch"], row["kernel"]): row for row in rows if row["arch"] in kernel_rules.RECORDED_ARCHS}
    moved = worse = 0
    for key in sorted(recorded.keys() & here.keys()):
        changes, verdict = kernel_rules.changes_of(recorded[key], here[key])
        moved += bool(changes)
        worse += bool(verdict)
        if changes:
            print(f"{key[0]} {key[1]}: {changes}{verdict}", file=sys.stderr)
    lacking = sorted(here.keys() - recorded.keys())
    archs = {arch for arch, _ in here}
    gone = sum(key not in here for key in recorded if key[0] in archs)
    print(f"beside {file}: {moved} kernels moved, {worse} for the worse; {gone} of it are not here", file=sys.stderr)
    if lacking:
        print(f"{file} lacks {len(lacking)} kernels, the first is {' '.join(lacking[0])}; this makes it anew, in minutes:\n"
              f"    {kernel_rules.ANEW}", file=sys.stderr)
    return worse, len(lacking)


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

    files = list(dict.fromkeys(options.files))
    sources = [file for file in files if file.endswith(".cu")]
    if sources and not options.arch:
        parser.error(f"{sources[0]}: for which --arch is it to be compiled?")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:  # of compilers: a process each
        jobs = [pool.submit(compile_cubin, options, arch, source) for source in sources for arch in options.arch]
        cubins = [read_cubin(file) for file in files if file not in sources] + [job.result() for job in jobs]
    rows = sorted((row for cubin in cubins for row in report(cubin) if not kernel_rules.is_empty(row)), key=lambda row: (row["arch"], row["kernel"]))
    if not options.tsv and not options.compare:
        print("\t".join(COLUMNS))
        for row in rows:
            print("\t".join(str(row[column]) for column in COLUMNS))
    worse, lacking = compare(options.compare, rows) if options.compare else (0, 0)
    if options.tsv:
        kernel_rules.write_resources(options.tsv, rows)

    faults = [(row, fault) for row in rows for fault in kernel_rules.faults_of(row, options.wide)] if options.check else []
    for row, fault in faults:
        print(f"{row['arch']} {row['kernel']}: {fault}", file=sys.stderr)
    by_arch = collections.Counter(row["arch"] for row in rows)
    print(f"{len(rows)} kernels ({', '.join(f'{count} for {arch}' for arch, count in sorted(by_arch.items()))})"
          f"{f', {len(faults)} faults' if options.check else ''}", file=sys.stderr)
    if not rows or worse or faults or (options.check and lacking):
        sys.exit(1)


if __name__ == "__main__":
    main()
