"""The table of a measurement: every row of smx beside the memory's ceiling and the best peer."""
import math

from measurements import CEILING, PEERS, gigabytes_per_second, shape_of, share_of_ceiling, title

HEADER = ["operation", "type", "shape", "time us", "GB/s", "% ceiling", "best peer", "its us", "ratio"]
PREDICTION_HEADER = ["predicted us", "measured / predicted"]
SUMMARY_HEADER = ["operation", "type", "cases", "geometric mean", "least", "at"]
LEFT = {"operation", "type", "shape", "best peer", "pass", "at", "verdict", "plan"}


def same_case(a, b):
    return a["operation"] == b["operation"] and (a["rows"], a["cols"], a.get("inner", 1)) == (b["rows"], b["cols"], b.get("inner", 1))


def best_peer(measurements, row):
    """(peer's row, ratio of its time to smx's in its process, whether it stands in with another type): where no peer has fp16, the best
    one with bf16, which moves as many bytes."""
    for dtype in (row["dtype"], "bf16") if row["dtype"] == "fp16" else (row["dtype"],):
        here = [p for p in measurements["rows"] if p["operation"] != CEILING and p["dtype"] == dtype and same_case(p, row)]
        beside = {p["process"]: p for p in measurements["rows"] if p["operation"] != CEILING and p["dtype"] == row["dtype"]
                  and same_case(p, row) and p["contestant"] == f"smx-{p.get('process')}"}
        peers = [(p["median_us"] / beside.get(p.get("process"), row)["median_us"], p) for p in here
                 if not p["contestant"].startswith("smx")]
        if peers:
            ratio, peer = min(peers, key=lambda pair: pair[0])
            return peer, ratio, dtype != row["dtype"]
    return None, None, False


def rows_of(measurements, contestant):
    """In the order of the list of cases: random interleaving has mixed them up."""
    operations = ["softmax_forward", "log_softmax_forward", "softmax_backward", "log_softmax_backward", "logsumexp",
                  "cross_entropy_forward", "cross_entropy_backward", "cross_entropy_fused", "argmax", "top_k",
                  "sample", "sample_top_k", "sample_top_p"]
    dtypes = ["fp32", "bf16", "fp16"]
    return sorted((r for r in measurements["rows"] if r["contestant"] == contestant and r["operation"] != CEILING),
                  key=lambda r: (operations.index(r["operation"]), dtypes.index(r["dtype"]), r["cols"], -r["rows"]))


def lines(measurements):
    """(text lines of the table, ratios by (operation, dtype))."""
    table, ratios = [], {}
    for row in rows_of(measurements, "smx"):
        share = share_of_ceiling(measurements, row)
        peer, ratio, stands_in = best_peer(measurements, row)
        shape = shape_of(row)
        line = [row["operation"], row["dtype"], shape, f"{row['median_us']:.1f}", f"{gigabytes_per_second(row):.2f}",
                "-" if share is None else f"{100 * share:.0f}", "-", "-", "-"]
        if peer:
            line[6:] = [peer["contestant"] + (" bf16" if stands_in else ""), f"{peer['median_us']:.1f}", f"{ratio:.2f}"]
            ratios.setdefault((row["operation"], row["dtype"]), []).append((ratio, shape))
        if "gpu" in measurements["machine"]:
            predicted = row.get("predicted_us")
            line += [f"{predicted:.1f}", f"{row['median_us'] / predicted:.2f}"] if predicted else ["-", "-"]
        table.append(line)
    return table, ratios


def summary_lines(ratios):
    result = []
    for (operation, dtype), found in ratios.items():
        least, shape = min(found)
        mean = math.exp(sum(math.log(ratio) for ratio, _ in found) / len(found))
        result.append([operation, dtype, str(len(found)), f"{mean:.2f}", f"{least:.2f}", shape])
    return result


def share_lines(measurements):
    """(share of the ceiling: operation, type, cases, geometric mean, least, at) of the rows with at least 64 MiB of traffic."""
    shares = {}
    for row in rows_of(measurements, "smx"):
        share = share_of_ceiling(measurements, row)
        if share is not None and row["bytes"] >= 64 << 20:
            shares.setdefault((row["operation"], row["dtype"]), []).append((100 * share, shape_of(row)))
    return summary_lines(shares)


def ceiling_lines(measurements):
    passes = sorted((r for r in measurements["rows"] if r["operation"] == CEILING),
                    key=lambda r: (r["writes"], r["reads"], r["contestant"], r["bytes"]))
    sizes = len({r["bytes"] for r in passes if r["contestant"] == passes[0]["contestant"]})
    return [[r["contestant"] + (f" {r['bytes']} bytes" if sizes > 1 else ""), f"{r['median_us']:.1f}", f"{gigabytes_per_second(r):.2f}"]
            for r in passes]


def as_text(header, table):
    widths = [max(len(line[i]) for line in [header] + table) for i in range(len(header))]
    return "\n".join("  ".join(cell.ljust(width) if title in LEFT else cell.rjust(width)
                               for cell, width, title in zip(line, widths, header)).rstrip() for line in [header] + table)


def as_markdown(header, table):
    rule = [":--" if title in LEFT else "--:" for title in header]
    return "\n".join("| " + " | ".join(line) + " |" for line in [header, rule] + table)


def notes_of(measurements, table):
    machine, on_gpu = measurements["machine"], "gpu" in measurements["machine"]
    notes = [f"checks: {check}" for check in measurements.get("checks", ())]
    notes += [f"{peer}: {note}" for peer, note in sorted(measurements["peers"].items())]
    expected = [peer for peer in PEERS if peer != "onednn"] if on_gpu else ["onednn", "torch"]
    notes += [f"{peer}: not here, no peer" for peer in expected if peer not in measurements["peers"]]
    notes += [f"failed: {failure}" for failure in measurements["failures"]]
    note = "ratio: the best peer's time / smx's, above 1 where smx is faster; GB/s: of the least traffic"
    if on_gpu:
        notes += [note + "; smx's time is that of the peer's own process; % ceiling: beside the fastest pass over the memory with the same "
                  "mix of reads and writes and about as many bytes; no data are in the second-level cache when a call begins"]
    else:
        notes += [note + f"; '-' as share of the ceiling: fits into the last cache ({machine['last_cache_bytes'] >> 20} MiB)"]
    if any(line[6].endswith(" bf16") for line in table):
        notes.append("no peer has fp16: its rows are compared with the best peer's bf16")
    return notes


def head_of(measurements):
    machine = measurements["machine"]
    if "gpu" in machine:
        emulated = machine["gpu"].startswith("emulated")
        where = "A REHEARSAL ON THE EMULATOR, NOT MEASURED ON A GPU: " if emulated else ""
        where += (f"{machine['gpu']}, compute capability {machine['compute_capability'] / 10:.1f}, "
                  f"{machine['multiprocessors']} multiprocessors, second-level cache of {machine['l2_bytes'] >> 20} MiB; "
                  f"CUDA: {machine['cuda']}")
    else:
        where = f"{title(measurements)} of {machine['processors']}"
    return (f"{where}; {machine['system']}; commit {measurements['commit']}; {measurements['date']}; "
            f"load before it began: {measurements['load']}")


def document(measurements, render):
    """All tables with what one has to know to read them; `render` is as_text or as_markdown."""
    table, ratios = lines(measurements)
    on_gpu = "gpu" in measurements["machine"]
    pieces = [head_of(measurements), render(HEADER + (PREDICTION_HEADER if on_gpu else []), table),
              render(["pass", "time us", "GB/s"], ceiling_lines(measurements))]
    if ratios:
        pieces.append(("Best peer's time / smx's:\n\n" if on_gpu else "") + render(SUMMARY_HEADER, summary_lines(ratios)))
    if on_gpu:
        shares = share_lines(measurements)
        if shares:
            pieces.append("% of the ceiling, of 64 MiB and more:\n\n" + render(SUMMARY_HEADER, shares))
    notes = notes_of(measurements, table)
    return "\n\n".join(pieces + ["\n\n".join(notes) if render is as_markdown else "\n".join(notes)]) + "\n"
