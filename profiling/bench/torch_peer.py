#!/usr/bin/env python3
"""PyTorch on the cases of smx_bench, as JSON of the same form: a peer in a process of its own, for it brings a runtime of its own.

    smx_bench --list_cases | torch_peer.py --threads N --out FILE.json [--filter REGEX] [--min-time S] [--repetitions N]

Names end in torch-CAPABILITY: which of PyTorch's code runs is decided by ATEN_CPU_CAPABILITY before it starts. Where PyTorch can write
into a given tensor it does, so that no allocation is timed; the fused cross-entropy is F.cross_entropy(x, t).backward(), as users call it,
with the allocations that belong to it. What it cannot do is left out, and said so on standard error and in the context.
"""
import argparse
import csv
import json
import os
import random
import re
import sys
import time

import torch

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
MEAN, IGNORE = 1, -100
aten = torch.ops.aten


def normal(count, seed, deviation):
    """Normal numbers, the same million of them over and over, as making more takes longer than measuring."""
    some = torch.empty(min(count, 999983)).normal_(0, deviation, generator=torch.Generator().manual_seed(seed))
    return some.repeat(-(-count // max(len(some), 1)))[:count].clone()


class Data:
    """Tensors of the largest case of a type, of which every case takes the beginning, as in smx_bench."""

    def __init__(self, dtype, count, rows):
        self.dtype = dtype
        self.logits = normal(count, 1, 2).to(dtype)
        self.gradient = normal(count, 2, 1).to(dtype)
        self.forward_result = torch.zeros(count, dtype=dtype)
        self.result = torch.zeros(count, dtype=dtype)
        self.per_row = torch.zeros(rows, dtype=dtype)
        self.indices = torch.zeros(rows, dtype=torch.int64)
        self.loss = torch.zeros((), dtype=dtype)
        self.weight = torch.zeros((), dtype=dtype)


CHOICES = ("argmax", "top_k", "sample", "sample_top_k", "sample_top_p")
KEPT_TOKENS = 50


def prepare_choice(operation, x, probabilities, indices):
    """The same for what chooses a few elements of every row."""
    kept = min(KEPT_TOKENS, x.shape[1])

    def of_all():
        aten._softmax.out(x, 1, False, out=probabilities)
        return torch.multinomial(probabilities, 1)

    def of_largest():
        logits, columns = torch.topk(x, kept, 1)
        return columns.gather(1, torch.multinomial(torch.softmax(logits, 1), 1))

    def largest():
        aten._softmax.out(x, 1, False, out=probabilities)
        return torch.topk(probabilities, kept, 1)

    if operation == "argmax":
        return lambda: aten.argmax.out(x, 1, False, out=indices)
    if operation == "sample_top_p":
        raise NotImplementedError("a sort of every row takes too long here")
    return {"sample": of_all, "sample_top_k": of_largest, "top_k": largest}[operation]


def prepare(data, operation, rows, cols):
    """The call to be timed, its inputs made ready."""
    x, dy, y, out = (t[:rows * cols].view(rows, cols) for t in (data.logits, data.gradient, data.forward_result, data.result))
    dtype = data.dtype
    if operation == "softmax_forward":
        return lambda: aten._softmax.out(x, 1, False, out=out)
    if operation == "log_softmax_forward":
        return lambda: aten._log_softmax.out(x, 1, False, out=out)
    if operation == "softmax_backward":
        aten._softmax.out(x, 1, False, out=y)
        return lambda: aten._softmax_backward_data.out(dy, y, 1, dtype, grad_input=out)
    if operation == "log_softmax_backward":
        aten._log_softmax.out(x, 1, False, out=y)
        return lambda: aten._log_softmax_backward_data.out(dy, y, 1, dtype, out=out)
    if operation == "logsumexp":
        lse = data.per_row[:rows]
        return lambda: aten.logsumexp.out(x, [1], False, out=lse)

    if operation in CHOICES:
        return prepare_choice(operation, x, out, data.indices[:rows])

    targets = torch.randint(0, cols, (rows,), generator=torch.Generator().manual_seed(2)).to(x.device)

    def loss():
        aten._log_softmax.out(x, 1, False, out=y)
        aten.nll_loss_forward.output(y, targets, None, MEAN, IGNORE, output=data.loss, total_weight=data.weight)

    if operation == "cross_entropy_forward":
        return loss
    if operation == "cross_entropy_backward":
        loss()
        one = torch.ones((), dtype=dtype, device=x.device)

        def gradient():
            aten.nll_loss_backward.grad_input(one, y, targets, None, MEAN, IGNORE, data.weight, grad_input=out)
            aten._log_softmax_backward_data.out(out, y, 1, dtype, out=out)

        return gradient
    if operation == "cross_entropy_fused":
        leaf = x.detach().requires_grad_()

        def step():
            leaf.grad = None
            torch.nn.functional.cross_entropy(leaf, targets).backward()

        return step
    raise NotImplementedError(operation)


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

    cases = []
    for case in csv.DictReader(sys.stdin, delimiter="\t"):
        case.update((key, int(case[key])) for key in ("rows", "cols", "reads", "writes", "bytes"))
        case["name"] = f"{case['operation']}/{case['dtype']}/{case['rows']}x{case['cols']}/{contestant}"
        if re.search(options.filter, case["name"]):
            cases.append(case)
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
            left_out[kind] = str(failure).splitlines()[0]
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
    with open(options.out, "w", encoding="utf-8") as out:
        json.dump({"context": {"torch": note, "threads": options.threads}, "benchmarks": measured}, out, indent=1)


if __name__ == "__main__":
    main()
