"""What a call on a GPU should take, from counting: what results are compared with, and what a new shape is worth.

    time = launches * LAUNCH + max(bytes / bandwidth, waves * turns * LATENCY)

launches   kernels of a call, in KERNELS below: a loss adds the divisor of the mean before and the sum of the losses after its rows, and
           rows that are split over several blocks take two kernels instead of one.
bytes      the least traffic of the operation; rows that pass through the chip (row_stream) and are written are read a second time, from
           the second-level cache as long as all rows in flight together fit into it, and from memory beyond that.
bandwidth  of the memory: given, or SHARE of the data sheet's (NOMINAL, or what the driver says). SHARE is what torch.clone reaches on an
           H100, 3003 of 3350 GB/s (QuACK, AI/hadamard_roofline_analysis.md).
waves      how often the device is filled with blocks: blocks / (multiprocessors * resident blocks), rounded up. Resident blocks follow
           from threads, registers and shared memory as in the CUDA C++ programming guide, "Compute Capabilities": registers are given to
           warps in pieces of 256.
turns      how often a thread waits for its loads: once for each of its pieces of a row, of which a slice of a split row has two, times
           the passes over the row.
LATENCY    of a load under way with many others. Little's law: a device keeps bandwidth * LATENCY bytes in flight. LAUNCH and LATENCY are
           assumptions of the right order, to be replaced by what is measured.
"""
import re

SHARE = 0.9
LAUNCH = 2.0  # microseconds from kernel to kernel in a graph
LATENCY = 0.8  # microseconds
NOMINAL = {  # GB/s, from NVIDIA's data sheets; the first name that the GPU's name contains
    "h200": 4800, "h100 nvl": 3900, "h100 pcie": 2000, "h100": 3350, "gh200": 4000, "b200": 8000, "a100-sxm4-80gb": 2039,
    "a100 80gb pcie": 1935, "a100": 1555, "a10g": 600, "a10": 600, "l40s": 864, "l40": 864, "l4": 300, "t4": 320, "v100": 900,
    "rtx 4090": 1008, "rtx 3090": 936,
}
KERNELS = {"cross_entropy_forward": 2, "cross_entropy_backward": 2, "cross_entropy_fused": 3}
PASSES = {"row_shared": 1, "row_passes": 4}  # over memory; how many depends on the row, these are typical
ELEMENT_BYTES = {"fp32": 4, "bf16": 2, "fp16": 2}
ROW_TYPES = {"fp32": "float", "bf16": "__nv_bfloat16", "fp16": "__half"}
PROGRAMS = {"softmax_forward": "softmax_program", "log_softmax_forward": "log_softmax_program",
            "softmax_backward": "softmax_gradient_program",
            "log_softmax_backward": "log_softmax_gradient_program", "logsumexp": "loss_program", "cross_entropy_forward": "loss_program",
            "cross_entropy_backward": "gradient_from_lse_program", "cross_entropy_fused": "loss_gradient_program"}
PLAN = re.compile(r": (row_\w+), (\d+) threads per row, (\d+) per block, (\d+) elements per thread"
                  r"(?:, (\d+) blocks per row)?(?:, (\d+) rows at once)?")
TURNS_OF_A_SLICE = 2


def parse_plan(text):
    """(family, threads per row, threads per block, elements per thread, slices, rows at once), or None where the text is no plan. slices:
    blocks that share a row which none of them holds as a whole; rows at once: that a thread waits for together."""
    found = PLAN.search(text or "")
    return (found.group(1), *(int(found.group(i) or 1) for i in (2, 3, 4, 5, 6))) if found else None


def name_of_plan(text):
    """Row of the plan table, family, and threads per row x elements per thread."""
    family, per_row, _, per_thread, slices, at_once = parse_plan(text)
    index = re.search(r"plan row (\d+)", text)
    return (f"{index[1] if index else '?'}: {family} {per_row} x {per_thread}" + f", {slices} blocks per row" * (slices > 1) +
            f", {at_once} rows at once" * (at_once > 1))


def bandwidth_of(machine):
    """GB/s that a copy should reach; None for a GPU that nothing is known of."""
    name = machine.get("gpu", "").lower()
    nominal = next((NOMINAL[part] for part in NOMINAL if part in name), None) or machine.get("nominal_bytes_per_second", 0) / 1e9
    return SHARE * nominal if nominal else None


def registers_of(resources, row, plan):
    """Registers of the kernel, from rows of resources.tsv; else as many as the elements need that a thread holds, and 24 for the rest."""
    family, per_row, per_block, per_thread, _, at_once = plan
    program, shape = PROGRAMS.get(row["operation"]), f"{family}::shape<{per_row}, {per_block}, {per_thread}>"
    for kernel in resources or ():
        if program and f"::{program}<{ROW_TYPES[row['dtype']]}" in kernel["kernel"] and shape in kernel["kernel"]:
            return int(kernel["registers"])
    return 24 + at_once * per_thread * (2 if row["reads"] == 2 else 1)


def resident_blocks(machine, threads, registers, shared_bytes=0):
    """How many blocks a multiprocessor holds at a time."""
    of_warp = -(-registers * 32 // 256) * 256
    warps = -(-threads // 32)
    limits = [machine["threads_per_multiprocessor"] // threads, machine["blocks_per_multiprocessor"],
              machine["registers_per_multiprocessor"] // (of_warp * warps)]
    if shared_bytes:
        limits.append(machine["shared_bytes_per_multiprocessor"] // (shared_bytes + 1024))
    return max(1, min(limits))


def predict(row, machine, resources=None, bandwidth=None):
    """Microseconds of a row of the results; None without a plan or a bandwidth."""
    plan, bandwidth = parse_plan(row.get("plan")), bandwidth or bandwidth_of(machine)
    if plan is None or not bandwidth:
        return None
    family, per_row, per_block, per_thread, slices, at_once = plan
    element, cols = ELEMENT_BYTES[row["dtype"]], row["cols"]
    shared = per_block // per_row * cols * element if family == "row_shared" else 0
    resident = machine["multiprocessors"] * resident_blocks(machine, per_block, registers_of(resources, row, plan), shared)
    # Of rows whose elements lie apart a thread holds as many side by side as fit into 16 bytes.
    beside = 16 // element if family == "row_strided" else 1
    blocks = -(-row["rows"] // (beside * at_once) * per_row // per_block) * slices
    writes = row["writes"] > 0
    passes = 2 if family == "row_stream" and writes else PASSES.get(family, 1)
    moved = row["bytes"]
    in_flight = row["rows"] if slices > 1 else min(blocks, resident)
    if passes > 1 and in_flight * cols * element * row["reads"] > machine["l2_bytes"]:
        moved += (passes - 1) * row["reads"] * row["rows"] * cols * element
    turns = passes * (TURNS_OF_A_SLICE if slices > 1 else -(-cols // (per_row * per_thread // beside)))
    waiting = -(-blocks // resident) * turns * LATENCY
    return (KERNELS.get(row["operation"], 1) + (slices > 1)) * LAUNCH + max(moved / bandwidth / 1e3, waiting)
