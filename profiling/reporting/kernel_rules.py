"""What is asked of kernels in machine code, and what that follows from: their names and the counts of kernel_report.py."""
import csv
import os
import re

# Of a multiprocessor: threads, blocks, registers, bytes of shared memory (CUDA C++ programming guide, "Compute Capabilities").
LIMITS = {"sm_75": (1024, 16, 65536, 64 << 10), "sm_80": (2048, 32, 65536, 164 << 10), "sm_86": (1536, 16, 65536, 100 << 10),
          "sm_89": (1536, 24, 65536, 100 << 10), "sm_90": (2048, 32, 65536, 228 << 10), "sm_100": (2048, 32, 65536, 228 << 10),
          "sm_120": (1536, 24, 65536, 100 << 10)}
COLUMNS = ["arch", "kernel", "registers", "stack", "local", "shared_bytes", "widest_load", "widest_store", "ex2", "ex2_per_element",
           "threads", "occupancy", "on_the_way", "loads_in_flight"]
RECORDED_ARCHS = ("sm_80", "sm_90")
ANEW = ("profiling/kernel_report.py --arch sm_80 --arch sm_90 --include include --include host --tsv profiling/resources.tsv "
        "cuda/*gradient*.cu cuda/batch_*.cu cuda/*.cu")

ELEMENT_BYTES = {"__half": 2, "__nv_bfloat16": 2, "float": 4, "double": 8}
TWO_OPERANDS = ("softmax_gradient_program", "log_softmax_gradient_program", "general_loss_program with terms")
TWO_AT_ONCE = ("softmax_program", "log_softmax_program", "loss_program", "loss_gradient_program", "general_loss_program")
GENERAL = ("general_loss_program", "general_loss_program with terms")
READ_NOTHING = ("nll_gradient_program",)

# 2^x instructions that a program needs for an element, where that is not one; merging row states adds no more than A_FEW.
# Softcap's tanh has one, its derivative another; the sum stands there twice, with what smoothing adds and without.
EXPONENTIALS = [("general_loss_program<.*true, ", 4), ("general_loss_program", 3)]
A_FEW = 4

# Loads that a multiprocessor keeps in flight: the memory of a GPU of these architectures needs 25 to 32 KB from each of them, by its
# latency times its bandwidth.
FEWEST_BYTES = 32 << 10

class Shape:
    """What the name of a row kernel says."""

    def __init__(self, program, element, family, per_row, elements):
        self.program, self.family, self.per_row = program, family, per_row
        self.bytes = ELEMENT_BYTES[element]
        self.operands = 2 if program in TWO_OPERANDS else 0 if program in READ_NOTHING else 1
        words = max(self.bytes, 4) // 4
        if family == "row_stream":
            elements //= words * max(self.operands, 1)
        if family == "row_strided" and words == 2:
            elements //= 2 * max(self.operands, 1)
        if family == "row_strided" and program == "general_loss_program" and self.bytes == 2:
            elements *= 2
        self.elements = elements  # of an operand and a row that a thread holds at once
        short = family in ("row_registers", "any_warp_shape") and per_row <= 32 and elements * self.bytes < 32
        self.rows = 2 if short and program in TWO_AT_ONCE else 1  # SMX_ROWS_IN_FLIGHT

    def edges(self):
        """What a thread holds beside them: elements before and behind the vectors of a row, where those have no places for them."""
        if self.per_row <= (32 if self.program in GENERAL and self.elements == 8 else 8):
            return 0
        return -(-(2 * (16 // self.bytes) - 2) // self.per_row)

    def bytes_held(self):
        return self.rows * self.elements * self.bytes * self.operands


def is_empty(row):
    """Blocks of a cluster share rows from sm_90 on; before, such a kernel has nothing in it and is never launched."""
    shape = re.search(r"row_registers::shape<(\d+), (\d+), \d+", row["kernel"])
    return bool(shape) and int(shape[1]) > max(32, int(shape[2])) and int(row["arch"][3:]) < 90


def shape_of(kernel):
    program = re.search(r"(\w+_program)<(\w+)", kernel)
    shape = re.search(r"(row_registers|row_strided|row_map)::shape<(\d+), \d+, (\d+)", kernel)
    if program is None or program[2] not in ELEMENT_BYTES:
        return None
    name = program[1]
    if re.search(r"general_loss_program<\w+, \w+, true>", kernel):
        name += " with terms"
    if shape:
        return Shape(name, program[2], shape[1], int(shape[2]), int(shape[3]))
    shape = re.search(r"row_stream::shape<(\d+), (\d+)", kernel)
    if shape:
        return Shape(name, program[2], "row_stream", int(shape[1]), int(shape[2]))
    shape = re.search(r"row_registers::any_warp_shape<(\d+)", kernel)  # several shapes in one kernel: the widest
    return Shape(name, program[2], "any_warp_shape", 32, int(shape[1])) if shape else None


def resident_blocks(row):
    threads, blocks, registers, shared = LIMITS[row["arch"]]
    warps = -(-row["threads"] // 32)
    of_block = warps * (-(-row["registers"] * 32 // 256) * 256)  # registers are given to warps in pieces of 256
    return min(threads // row["threads"], blocks, registers // of_block, shared // (row["shared_bytes"] + 1024))


def resources_of(row):
    """The row with what follows from the others; "-" where that cannot be told."""
    shape = shape_of(row["kernel"])
    per_element = occupancy = in_flight = "-"
    if shape and shape.family == "row_registers":
        per_element = f"{row['ex2'] / shape.elements / shape.rows:.2f}"
    if row["arch"] in LIMITS and row["threads"]:
        resident = resident_blocks(row) * row["threads"]
        occupancy = f"{100 * resident / LIMITS[row['arch']][0]:.0f}"
        if shape and shape.operands and "::finish_rows<" not in row["kernel"]:  # which look at no elements
            in_flight = resident * min(shape.bytes_held(), row["on_the_way"])
    return {**row, "ex2_per_element": per_element, "occupancy": occupancy, "threads": row["threads"] or "-", "loads_in_flight": in_flight}


def most_exponentials(row):
    """2^x instructions that a kernel may have; None where its name does not tell."""
    shape = shape_of(row["kernel"])
    if not shape or shape.family != "row_registers" or shape.bytes == 8:
        return None
    each = next((number for pattern, number in EXPONENTIALS if re.search(pattern, row["kernel"])), 1)
    parts = shape.per_row // 1024  # warps of a cluster whose row states a lane merges
    return shape.rows * (each * (shape.elements + shape.edges()) + A_FEW) + parts


def faults_of(row, wide):
    """What is wrong with a kernel, as text; wide: a regular expression, which kernels have to load 16 bytes at once."""
    if row["stack"] or row["local"]:
        yield f"spills: {row['stack']} bytes of stack, {row['local']} loads and stores of local memory"
    if wide and re.search(wide, row["kernel"]) and not row["ldg16"]:
        yield "no 16-byte load"
    most = most_exponentials(row)
    if most is not None and row["ex2"] > most:
        yield f"{row['ex2']} instructions for 2^x, {most} are enough for what a thread holds"
    in_flight = resources_of(row)["loads_in_flight"]
    if row["arch"] in RECORDED_ARCHS and in_flight != "-" and in_flight < FEWEST_BYTES:
        yield f"{in_flight} bytes of loads in flight on a multiprocessor, {FEWEST_BYTES} are to be"


def write_resources(file, rows):
    with open(file, "w", encoding="utf-8") as out:
        out.write("\t".join(COLUMNS) + "\n")
        for row in map(resources_of, rows):
            out.write("\t".join(str(row[column]) for column in COLUMNS) + "\n")


def read_resources(file):
    """(architecture, kernel) -> row, all of it text; nothing where there is no such file."""
    if not os.path.exists(file):
        return {}
    with open(file, encoding="utf-8") as opened:
        return {(row["arch"], row["kernel"]): row for row in csv.DictReader(opened, delimiter="\t")}


def changes_of(old, row):
    """(text, verdict): what has moved since the recorded row, and which of it is for the worse."""
    new = {key: str(value) for key, value in resources_of(row).items()}
    moved = [f"{column} {old[column]} -> {new[column]}" for column in COLUMNS[2:] if old.get(column) and old[column] != new[column]]
    spills = any(int(new[column]) > int(old[column]) for column in ("stack", "local"))
    narrower = any(int(new[column]) < 16 <= int(old[column]) for column in ("widest_load", "widest_store"))
    return ", ".join(moved), " SPILLS MORE" * spills + " LOST 16-BYTE ACCESSES" * narrower
