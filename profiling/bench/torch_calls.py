"""What both measurements of PyTorch have in common: the cases of smx_bench and smx_bench_cuda, and the calls that are theirs."""
import csv
import json

import torch

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
MEAN, IGNORE = 1, -100
aten = torch.ops.aten


def read_cases(file, numbers):
    """The list that smx_bench makes; numbers: which of its columns are."""
    cases = list(csv.DictReader(file, delimiter="\t"))
    for case in cases:
        case.update((key, int(case[key])) for key in numbers)
    return cases


def name_of(case, contestant):
    return f"{case['operation']}/{case['dtype']}/{case['rows']}x{case['cols']}/{contestant}"


def write_results(path, context, benchmarks):
    with open(path, "w", encoding="utf-8") as out:
        json.dump({"context": context, "benchmarks": benchmarks}, out, indent=1)


def first_line(failure):
    return (str(failure).splitlines() or [type(failure).__name__])[0]


def normal(count, seed, deviation, dtype, device="cpu"):
    """Normal numbers, the same million of them over and over, as making more takes longer than measuring."""
    some = torch.empty(min(count, 999983)).normal_(0, deviation, generator=torch.Generator().manual_seed(seed)).to(dtype).to(device)
    return some.repeat(-(-count // max(len(some), 1)))[:count].clone()


def training_step(loss_of, x, targets):
    """The loss and its gradient, as users call them."""
    leaf = x.detach().requires_grad_()

    def step():
        leaf.grad = None
        loss_of(leaf, targets).backward()
        return leaf.grad

    return step


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
        return training_step(torch.nn.functional.cross_entropy, x, targets)
    raise NotImplementedError(operation)
