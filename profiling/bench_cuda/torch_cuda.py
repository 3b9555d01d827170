#!/usr/bin/env python3
"""PyTorch, and what is installed beside it, on cases of smx_bench_cuda, and smx itself in the same process on the same tensors.

    smx_bench_cuda --list_cases | torch_cuda.py --library libsmx.so --out FILE.json [--seconds N] [--repetitions N] [--filter REGEX]

smx is loaded by ctypes and works on PyTorch's stream. All contestants of a case take turns, sample by sample: calls on slots of tensors
that together exceed twice the second-level cache, captured in a CUDA graph where the contestant allows it, between two events, after the
cache was emptied by reading something else. Contestants:
  smx-python     smx; the ratios of the others are to it
  torch          eager, into given tensors where PyTorch can; cross-entropy as in bench/torch_calls.py
  torch_compile  torch.compile of the plain formulation, for bf16; it compiles for seconds, so it comes after all others, as time allows
  triton         the fused softmax of Triton's tutorial, rows of up to 65536 columns
  liger          Liger-Kernel's softmax and cross-entropy
What is not installed, fails or is not reached within the seconds is left out, and the context says so. Every result of smx is compared with
the first peer's that computes the same; where they differ smx has an error in place of its times.

With --device cpu it runs on the CPU, to be tried out: its times mean nothing, and its library needs the CPU backend.
"""
import argparse
import contextlib
import ctypes
import pathlib
import re
import sys
import time

import torch

try:
    import triton
    import triton.language as tl
except ImportError:
    triton = None

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "bench"))
from torch_calls import (CHOICES, DTYPES, KEPT_TOKENS, first_line, name_of, normal, prepare, read_cases,  # noqa: E402
                         training_step, write_results)

SMX_TYPES = {"fp32": 0, "fp16": 2, "bf16": 14}
ELEMENT_BYTES = {"fp32": 4, "fp16": 2, "bf16": 2}
INDEX_TYPE = 24  # int64
COLUMNS = [1000, 50257, 4096, 128256, 128, 32000, 262144]  # the shapes worth the time, the first ones first
MOST_SLOTS, MOST_CALLS, SAMPLE_US, EMPTYINGS = 64, 256, 1000.0, 4
TOLERANCE = {"fp32": 1e-4, "bf16": 2e-2, "fp16": 4e-3}  # of the largest element


class Layout(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int)] + [(name, ctypes.c_int64) for name in ("outer", "cols", "inner", "outerStride", "colStride")]


class Targets(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int), ("data", ctypes.c_void_p), ("outerStride", ctypes.c_int64), ("colStride", ctypes.c_int64)]


class SampleOptions(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("temperature", ctypes.c_float), ("topK", ctypes.c_int64), ("topP", ctypes.c_float),
                ("minP", ctypes.c_float), ("seed", ctypes.c_uint64), ("offset", ctypes.c_uint64)] + [
                    (name, ctypes.c_void_p) for name in ("deviceSeedOffset", "deviceTemperature", "deviceRowSeeds", "deviceRowOffsets",
                                                         "deviceRowKeys")]


class Device:
    """The clock, the stream and the cache of a GPU; of a CPU the clock alone."""

    def __init__(self, name):
        self.on_gpu = name == "cuda"
        self.name = name
        self.stream = torch.cuda.Stream() if self.on_gpu else None
        cache = getattr(torch.cuda.get_device_properties(0), "L2_cache_size", 64 << 20) if self.on_gpu else 64 << 10
        self.twice_cache = 2 * cache
        self.others = torch.zeros(self.twice_cache // 4, device=name)

    def within(self):
        return torch.cuda.stream(self.stream) if self.on_gpu else contextlib.nullcontext()

    def empty_cache(self):
        for _ in range(EMPTYINGS):
            self.others.sum()

    def microseconds(self, run):
        if not self.on_gpu:
            begin = time.perf_counter()
            run()
            return 1e6 * (time.perf_counter() - begin)
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record(self.stream)
        run()
        end.record(self.stream)
        end.synchronize()
        return 1e3 * begin.elapsed_time(end)

    def wait(self):
        if self.on_gpu:
            torch.cuda.synchronize()


class Smx:
    def __init__(self, library, device):
        self.library = ctypes.CDLL(library)
        self.library.smxGetLastErrorMessage.restype = ctypes.c_char_p
        self.handle = ctypes.c_void_p()
        self.check(self.library.smxCreateWithBackend(ctypes.byref(self.handle), 1 if device.on_gpu else 2))
        if device.on_gpu:
            self.check(self.library.smxSetStream(self.handle, ctypes.c_void_p(device.stream.cuda_stream)))

    def check(self, status):
        if status != 0:
            raise RuntimeError(self.library.smxGetLastErrorMessage().decode())

    def call(self, operation, dtype, rows, cols, slot):
        """The call of an operation on a slot, its structures made ready."""
        layout = ctypes.byref(Layout(SMX_TYPES[dtype], rows, cols, 1, cols, 1))
        x, y, dy, out = (ctypes.c_void_p(t.data_ptr()) for t in (slot.logits, slot.smx_forward_result, slot.gradient, slot.smx_result))
        lse, loss, indices = (ctypes.c_void_p(t.data_ptr()) for t in (slot.lse, slot.smx_loss, slot.indices))
        targets = ctypes.byref(Targets(INDEX_TYPE, slot.targets.data_ptr(), 0, 0))
        probabilities = ctypes.c_void_p(slot.kept.data_ptr())
        handle, lib = self.handle, self.library
        kept = ctypes.c_int64(min(KEPT_TOKENS, cols))
        options = ctypes.byref(SampleOptions(ctypes.sizeof(SampleOptions), 1.0, kept.value if operation == "sample_top_k" else 0, 1.0))
        function, arguments = {
            "softmax_forward": ("smxSoftmaxForward", (None, layout, x, layout, out)),
            "log_softmax_forward": ("smxLogSoftmaxForward", (None, layout, x, layout, out)),
            "softmax_backward": ("smxSoftmaxBackward", (None, layout, y, layout, dy, layout, out)),
            "log_softmax_backward": ("smxLogSoftmaxBackward", (None, layout, y, layout, dy, layout, out)),
            "logsumexp": ("smxLogSumExp", (None, layout, x, lse)),
            "cross_entropy_forward": ("smxCrossEntropyForward", (None, layout, x, targets, loss, None)),
            "cross_entropy_backward": ("smxCrossEntropyBackward", (None, layout, x, targets, lse, None, layout, out)),
            "cross_entropy_fused": ("smxCrossEntropyForwardBackward", (None, layout, x, targets, None, loss, None, layout, out)),
            "argmax": ("smxArgmax", (layout, x, INDEX_TYPE, indices)),
            "top_k": ("smxTopK", (None, layout, x, kept, probabilities, INDEX_TYPE, indices)),
            "sample": ("smxSample", (options, layout, x, INDEX_TYPE, indices, None)),
            "sample_top_k": ("smxSample", (options, layout, x, INDEX_TYPE, indices, None)),
        }[operation]
        entry = getattr(lib, function)
        if operation == "softmax_backward":
            self.check(lib.smxSoftmaxForward(handle, None, layout, x, layout, y))
        if operation == "log_softmax_backward":
            self.check(lib.smxLogSoftmaxForward(handle, None, layout, x, layout, y))
        if operation == "cross_entropy_backward":
            self.check(lib.smxLogSumExp(handle, None, layout, x, lse))
        return lambda: self.check(entry(handle, *arguments))


class Slot:
    """Tensors of a case, with the names that torch_calls.prepare expects; smx has results of its own, to be compared."""

    def __init__(self, dtype, rows, cols, device):
        count = rows * cols
        self.dtype = dtype
        self.logits, self.gradient = (normal(count, seed, deviation, dtype, device) for seed, deviation in ((1, 2), (2, 1)))
        self.forward_result, self.result = torch.zeros_like(self.logits), torch.zeros_like(self.logits)
        self.smx_forward_result, self.smx_result = torch.zeros_like(self.logits), torch.zeros_like(self.logits)
        self.targets = torch.randint(0, cols, (rows,), generator=torch.Generator().manual_seed(2)).to(device)
        self.per_row = torch.zeros(rows, dtype=dtype, device=device)
        self.lse = torch.zeros(rows, device=device)
        self.kept = torch.zeros(rows * KEPT_TOKENS, device=device)
        self.indices = torch.zeros(rows * KEPT_TOKENS, dtype=torch.int64, device=device)
        self.smx_loss = torch.zeros((), device=device)
        self.loss, self.weight = torch.zeros((), dtype=dtype, device=device), torch.zeros((), dtype=dtype, device=device)

    def copy(self):
        other = object.__new__(Slot)
        other.__dict__ = {name: value.clone() if isinstance(value, torch.Tensor) else value for name, value in self.__dict__.items()}
        return other


def matrix(tensor, case):
    return tensor[:case["rows"] * case["cols"]].view(case["rows"], case["cols"])


class Torch:
    name = "torch"

    def call(self, case, slot):
        return prepare(slot, case["operation"], case["rows"], case["cols"])


class Compiled:
    """One function per operation, compiled anew for every shape."""
    name = "torch_compile"
    OPERATIONS = ("softmax_forward", "cross_entropy_fused", "softmax_backward", "logsumexp", "cross_entropy_forward")

    def __init__(self):
        if not hasattr(torch, "compile"):
            raise ImportError(f"PyTorch {torch.__version__} has no torch.compile")
        self.functions = {}

    def function(self, case):
        functional = torch.nn.functional
        plain = {
            "softmax_forward": lambda x: torch.softmax(x, 1),
            "softmax_backward": lambda y, dy: (y.float() * (dy.float() - (y.float() * dy.float()).sum(1, keepdim=True))).to(y.dtype),
            "logsumexp": lambda x: torch.logsumexp(x.float(), 1),
            "cross_entropy_forward": lambda x, t: functional.cross_entropy(x.float(), t),
            "cross_entropy_fused": lambda x, t: functional.cross_entropy(x.float(), t),
        }[case["operation"]]
        key = (case["operation"], case["dtype"], case["rows"], case["cols"])
        if key not in self.functions:
            if hasattr(torch, "_dynamo"):
                torch._dynamo.reset()  # else it makes a slower program for sizes of any number, or gives up after a few
            self.functions = {key: torch.compile(plain, dynamic=False)}
        return self.functions[key]

    def call(self, case, slot):
        function = self.function(case)
        x, dy = matrix(slot.logits, case), matrix(slot.gradient, case)
        if case["operation"] == "softmax_backward":
            y = torch.softmax(x, 1)
            return lambda: function(y, dy)
        if case["operation"] == "cross_entropy_fused":
            return training_step(function, x, slot.targets)
        if case["operation"] == "cross_entropy_forward":
            return lambda: function(x, slot.targets)
        return lambda: function(x)


if triton is not None:
    @triton.jit
    def triton_softmax(out, x, cols, block: tl.constexpr):
        row = tl.program_id(0).to(tl.int64)
        offsets = tl.arange(0, block)
        logits = tl.load(x + row * cols + offsets, mask=offsets < cols, other=-float("inf")).to(tl.float32)
        numerator = tl.exp(logits - tl.max(logits, axis=0))
        tl.store(out + row * cols + offsets, numerator / tl.sum(numerator, axis=0), mask=offsets < cols)


class Triton:
    """The fused softmax of Triton's tutorial: a row per program, held in one block."""
    name = "triton"

    def __init__(self):
        if triton is None:
            raise ImportError("it is not installed")

    def call(self, case, slot):
        if case["operation"] != "softmax_forward" or case["cols"] > 65536:
            raise NotImplementedError("softmax of up to 65536 columns only")
        block = triton.next_power_of_2(case["cols"])
        warps = 4 if block < 2048 else 8 if block < 16384 else 16
        return lambda: triton_softmax[(case["rows"],)](slot.result, slot.logits, case["cols"], block, num_warps=warps)


class Liger:
    name = "liger"

    def __init__(self):
        import liger_kernel.transformers as liger
        self.loss = liger.LigerCrossEntropyLoss()
        self.softmax = liger.LigerSoftmax() if hasattr(liger, "LigerSoftmax") else None

    def call(self, case, slot):
        x = matrix(slot.logits, case)
        if case["operation"] == "softmax_forward" and self.softmax:
            return lambda: self.softmax(x)
        if case["operation"] == "cross_entropy_fused":  # it writes the gradient where the logits are: a copy, as long as they are needed
            return training_step(self.loss, x.clone(), slot.targets)
        raise NotImplementedError("softmax and fused cross-entropy only")


class Series:
    """Calls of one contestant on all slots, in turns; a graph of them where they can be captured."""

    def __init__(self, device, calls, exceed_cache, can_be_captured):
        self.device, self.calls, self.graph = device, calls, None
        for call in calls[:3]:  # compiles, allocates
            call()
        device.wait()
        once = max(device.microseconds(calls[0]), 0.5)
        self.count = int(min(max(SAMPLE_US / once, 1), MOST_CALLS if exceed_cache else len(calls)))
        if device.on_gpu and can_be_captured:
            graph = torch.cuda.CUDAGraph()
            try:
                with torch.cuda.graph(graph, stream=device.stream, capture_error_mode="thread_local"):
                    self.run()
                self.graph = graph
            except RuntimeError:
                torch.cuda.synchronize()
        self.sample()

    def run(self):
        for i in range(self.count):
            self.calls[i % len(self.calls)]()

    def sample(self):
        self.device.empty_cache()
        return self.device.microseconds(self.graph.replay if self.graph else self.run) / self.count


def difference(case, slot):
    """How far smx's result is from PyTorch's in the same slot, of the largest element; None where they cannot be compared so."""
    operation = case["operation"]
    pairs = {"logsumexp": (slot.lse, slot.per_row), "cross_entropy_forward": (slot.smx_loss, slot.loss)}
    if operation in ("softmax_forward", "log_softmax_forward", "softmax_backward", "log_softmax_backward", "cross_entropy_backward"):
        pairs[operation] = (slot.smx_result, slot.result)
    if operation not in pairs:
        return None
    ours, theirs = (t.double() for t in pairs[operation])
    return ((ours - theirs).abs().max() / theirs.abs().max().clamp_min(1e-30)).item()


class Measurement:
    def __init__(self, options):
        self.options, self.begin = options, time.monotonic()
        self.device = Device(options.device)
        self.notes, self.entries = {"torch": torch.__version__}, []
        self.shape, self.slots, self.exceed_cache = None, [], False
        self.peers = []
        for kind in (Torch, Compiled, Triton, Liger):
            try:
                self.peers.append(kind())
                self.notes.setdefault(kind.name, "here")
            except Exception as failure:  # whatever is wrong with a package, the others are measured
                self.notes[kind.name] = f"left out: {first_line(failure)}"
        self.smx = Smx(options.library, self.device)

    def time_is_up(self):
        return time.monotonic() - self.begin > self.options.seconds

    def add(self, case, contestant, **result):
        self.entries.append({"name": name_of(case, contestant), "run_type": "iteration", **result,
                             **{key: case[key] for key in ("bytes", "reads", "writes", "rows", "cols", "inner")}})

    def slots_of(self, case):
        """(copies of one slot, whether they exceed the cache together), kept for the operations that follow on the same shape."""
        key = (case["dtype"], case["rows"], case["cols"])
        if key != self.shape:
            self.slots = []  # before there are others
            dtype = DTYPES[case["dtype"]]
            wanted = self.device.twice_cache // (case["rows"] * case["cols"] * ELEMENT_BYTES[case["dtype"]]) + 2
            first = Slot(dtype, case["rows"], case["cols"], self.device.name)
            self.shape, self.slots, self.exceed_cache = key, [first], wanted <= MOST_SLOTS
            while len(self.slots) < min(wanted, MOST_SLOTS):
                self.slots.append(first.copy())
        return self.slots, self.exceed_cache

    def ready(self, case, name, calls_of, slots, exceed_cache):
        try:
            # What waits for the device in between: torch.multinomial, to check its input, and Liger-Kernel, to count targets.
            waits = name == "liger" or (name == "torch" and case["operation"].startswith("sample"))
            return Series(self.device, [calls_of(slot) for slot in slots], exceed_cache, not waits)
        except (NotImplementedError, KeyError):
            return None  # it has no such operation
        except Exception as failure:
            self.add(case, name, error_occurred=True, error_message=first_line(failure))
            return None

    def measure(self, case, peers):
        slots, exceed_cache = self.slots_of(case)
        series = {"smx-python": self.ready(case, "smx-python", lambda slot: self.smx.call(
            case["operation"], case["dtype"], case["rows"], case["cols"], slot), slots, exceed_cache)}
        for peer in peers:
            if not self.time_is_up():
                series[peer.name] = self.ready(case, peer.name, lambda slot: peer.call(case, slot), slots, exceed_cache)
            if peer.name == "torch" and series.get("torch") and series["smx-python"]:
                apart = difference(case, slots[0])
                if apart is not None and not apart <= TOLERANCE[case["dtype"]]:
                    self.add(case, "smx-python", error_occurred=True,
                             error_message=f"differs from PyTorch by {apart:.2g} of the largest element")
                    series["smx-python"] = None
        for _ in range(self.options.repetitions):
            for name, calls in series.items():
                if calls:
                    self.add(case, name, real_time=calls.sample(), time_unit="us")

    def measure_all(self, cases, peers):
        """How many cases were reached in time."""
        for done, case in enumerate(cases):
            if self.time_is_up():
                return done
            self.measure(case, peers)
        return len(cases)

    def run(self, cases):
        compiled = [peer for peer in self.peers if peer.name == Compiled.name]
        to_compile = [case for case in cases if compiled and case["dtype"] == "bf16" and case["operation"] in Compiled.OPERATIONS]
        with self.device.within():
            done = self.measure_all(cases, [peer for peer in self.peers if peer not in compiled])
            done_compiled = self.measure_all(to_compile, compiled)
        for name, reached, wanted in ((Torch.name, done, len(cases)), (Compiled.name, done_compiled, len(to_compile))):
            if reached < wanted:
                self.notes[name] += f"; {wanted - reached} of {wanted} cases were not reached within {self.options.seconds:.0f} s"


def cases_of(options):
    cases = []
    for case in read_cases(sys.stdin, ("rows", "cols", "inner", "reads", "writes", "bytes")):
        wanted = case["cols"] in COLUMNS and (case["rows"] > 64 or case["rows"] == 1) or options.device == "cpu"
        if wanted and case["inner"] == 1 and case["operation"] != "sample_top_p" and re.search(options.filter, name_of(case, "")):
            cases.append(case)
    types = ["bf16", "fp32", "fp16"]

    def importance(case):
        return (COLUMNS.index(case["cols"]) if case["cols"] in COLUMNS else 0, case["rows"] == 1, types.index(case["dtype"]),
                case["operation"] in CHOICES)

    return sorted(cases, key=importance)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--seconds", type=float, default=75)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--filter", default="")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("torch_cuda: this PyTorch sees no GPU")
    measurement = Measurement(options)
    measurement.run(cases_of(options))
    write_results(options.out, {**measurement.notes, "process": "python"}, measurement.entries)


if __name__ == "__main__":
    main()
