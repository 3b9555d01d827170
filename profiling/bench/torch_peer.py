#!/usr/bin/env python3
"""PyTorch on the cases of smx_bench, as JSON of the same form: a peer in a process of its own, for it brings a runtime of its own.

    smx_bench --list_cases | torch_peer.py --threads N --out FILE.json [--filter REGEX] [--min-time S] [--repetitions N]

Names end in torch-CAPABILITY: which of PyTorch's code runs is decided by ATEN_CPU_CAPABILITY before it starts. Where PyTorch can write
into a given tensor it does, so that no allocation is timed; the fused cross-entropy is F.cross_entropy(x, t).backward(), as users call it,
with the allocations that belong to it. What it cannot do is left out, and said so on standard error and in the context.
"""
import argparse
import os
import random
import re
import sys
import time

import torch

sys.dont_write_bytecode = True
from torch_calls import DTYPES, first_line, name_of, normal, prepare, read_cases, write_results  # noqa: E402


class Data:
    """Tensors of the largest case of a type, of which every case takes the beginning, as in smx_bench."""

    def __init__(self, dtype, count, rows):
        self.dtype = dtype
        self.logits = normal(count, 1, 2, dtype)
        self.gradient = normal(count, 2, 1, dtype)
        self.forward_result = torch.zeros(count, dtype=dtype)
        self.result = torch.zeros(count, dtype=dtype)
        self.per_row = torch.zeros(rows, dtype=dtype)
        self.indices = torch.zeros(rows, dtype=torch.int64)
        self.loss = torch.zeros((), dtype=dtype)
        self.weight = torch.zeros((), dtype=dtype)


def seconds(call, iterations):
    begin = time.perf_counter()
    for _ in range(iterations):
        call()
    return time.perf_counter() - begin


def calibrate(call, least):
    """How many calls take that many seconds, and what one of them took; they also warm up what the first call finds cold."""
    iterations = 1
    while True:
        taken = seconds(call, iterations)
        if taken >= least or iterations >= 10**6:
            return iterations, taken / iterations
        iterations = max(iterations + 1, min(10 * iterations, int(1.2 * iterations * least / max(taken, 1e-9)) + 1))


def capability():
    found = re.search(r"CPU capability usage: (.*)", torch.__config__.show())
    name = found.group(1).strip().lower() if found else os.environ.get("ATEN_CPU_CAPABILITY", "unknown")
    return "default" if name == "no avx" else name


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--filter", default="")
    parser.add_argument("--min-time", type=float, default=0.1)
    parser.add_argument("--repetitions", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    contestant = "torch-" + capability()

    cases = read_cases(sys.stdin, ("rows", "cols", "reads", "writes", "bytes"))
    for case in cases:
        case["name"] = name_of(case, contestant)
    cases = [case for case in cases if re.search(options.filter, case["name"])]
    count = max((case["rows"] * case["cols"] for case in cases), default=0)
    rows = max((case["rows"] for case in cases), default=0)

    data, left_out, ready = {}, {}, []
    for case in cases:
        kind = case["operation"] + "/" + case["dtype"]
        if kind in left_out:
            continue
        dtype = DTYPES[case["dtype"]]
        try:
            prepare(Data(dtype, 4, 2), case["operation"], 2, 2)()
        except (RuntimeError, NotImplementedError) as failure:
            left_out[kind] = first_line(failure)
            continue
        if dtype not in data:
            data[dtype] = Data(dtype, count, rows)
        ready.append(case)

    def prepared(case):
        return prepare(data[DTYPES[case["dtype"]]], case["operation"], case["rows"], case["cols"])

    measured = []

    def record(case, taken):
        measured.append({"name": case["name"], "run_name": case["name"], "run_type": "iteration", "iterations": case["iterations"],
                         "real_time": taken * 1e6, "time_unit": "us",
                         **{key: case[key] for key in ("bytes", "reads", "writes", "rows", "cols")}})

    turns = []
    for case in ready:
        case["iterations"], taken = calibrate(prepared(case), options.min_time)
        if taken > 0.1:  # that was long enough to count, and a round has many others to wait for
            record(case, taken)
        else:
            turns += options.repetitions * [case]
    random.shuffle(turns)
    for case in turns:
        record(case, seconds(prepared(case), case["iterations"]) / case["iterations"])

    note = torch.__version__
    for name in dict.fromkeys(kind.split("/")[1] for kind in left_out):
        reasons = {kind.split("/")[0]: reason for kind, reason in left_out.items() if kind.endswith(name)}
        note += f"; left out: {name} of {', '.join(reasons)} ({next(iter(reasons.values()))})"
    if left_out:
        print(f"torch_peer: {note}", file=sys.stderr)
    write_results(options.out, {"torch": note, "threads": options.threads}, measured)


if __name__ == "__main__":
    main()
