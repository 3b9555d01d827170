"""The table of a measurement: every row of smx beside the memory's ceiling and the best peer."""
import math

from measurements import CEILING, gigabytes_per_second, share_of_ceiling

HEADER = ["operation", "type", "shape", "time us", "GB/s", "% ceiling", "best peer", "its us", "ratio"]
SUMMARY_HEADER = ["operation", "type", "cases", "geometric mean", "least", "at"]
LEFT = {"operation", "type", "shape", "best peer", "pass", "at", "verdict"}


def best_peer(measurements, row):
    """(peer's row, whether it stands in with another type): where no peer has fp16, the best one with bf16, which moves as many bytes."""
    for dtype in (row["dtype"], "bf16") if row["dtype"] == "fp16" else (row["dtype"],):
        peers = [p for p in measurements["rows"] if p["contestant"] != "smx" and p["operation"] == row["operation"]
                 and p["dtype"] == dtype and (p["rows"], p["cols"]) == (row["rows"], row["cols"])]
        if peers:
            return min(peers, key=lambda p: p["median_us"]), dtype != row["dtype"]
    return None, False


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
        peer, stands_in = best_peer(measurements, row)
        shape = f"{row['rows']}x{row['cols']}"
        line = [row["operation"], row["dtype"], shape, f"{row['median_us']:.1f}", f"{gigabytes_per_second(row):.2f}",
                "-" if share is None else f"{100 * share:.0f}", "-", "-", "-"]
        if peer:
            ratio = peer["median_us"] / row["median_us"]
            line[6:] = [peer["contestant"] + (" bf16" if stands_in else ""), f"{peer['median_us']:.1f}", f"{ratio:.2f}"]
            ratios.setdefault((row["operation"], row["dtype"]), []).append((ratio, shape))
        table.append(line)
    return table, ratios


def summary_lines(ratios):
    result = []
    for (operation, dtype), found in ratios.items():
        least, shape = min(found)
        mean = math.exp(sum(math.log(ratio) for ratio, _ in found) / len(found))
        result.append([operation, dtype, str(len(found)), f"{mean:.2f}", f"{least:.2f}", shape])
    return result


def ceiling_lines(measurements):
    passes = sorted((r for r in measurements["rows"] if r["operation"] == CEILING), key=lambda r: (r["writes"], r["reads"], r["contestant"]))
    return [[r["contestant"], f"{r['median_us']:.1f}", f"{gigabytes_per_second(r):.2f}"] for r in passes]


def as_text(header, table):
    widths = [max(len(line[i]) for line in [header] + table) for i in range(len(header))]
    return "\n".join("  ".join(cell.ljust(width) if title in LEFT else cell.rjust(width)
                               for cell, width, title in zip(line, widths, header)).rstrip() for line in [header] + table)


def as_markdown(header, table):
    rule = [":--" if title in LEFT else "--:" for title in header]
    return "\n".join("| " + " | ".join(line) + " |" for line in [header, rule] + table)


def document(measurements, render):
    """All tables with what one has to know to read them; `render` is as_text or as_markdown."""
    table, ratios = lines(measurements)
    machine = measurements["machine"]
    head = (f"{machine['cpu']}, {measurements['threads']} thread(s) of {machine['processors']}; {machine['system']}; "
            f"commit {measurements['commit']}; {measurements['date']}; load before it began: {measurements['load']}")
    notes = [f"{peer}: {note}" for peer, note in sorted(measurements["peers"].items())]
    notes += [f"{peer}: not here, no peer" for peer in ("onednn", "torch") if peer not in measurements["peers"]]
    notes += [f"failed: {failure}" for failure in measurements["failures"]]
    notes += ["ratio: the best peer's time / smx's, above 1 where smx is faster; GB/s: of the least traffic; '-' as share of the ceiling: "
              f"fits into the last cache ({machine['last_cache_bytes'] >> 20} MiB)"]
    if any(line[6].endswith(" bf16") for line in table):
        notes.append("no peer has fp16: its rows are compared with the best peer's bf16")
    pieces = [head, render(HEADER, table), render(["pass", "time us", "GB/s"], ceiling_lines(measurements))]
    if ratios:
        pieces.append(render(SUMMARY_HEADER, summary_lines(ratios)))
    return "\n\n".join(pieces + ["\n\n".join(notes) if render is as_markdown else "\n".join(notes)]) + "\n"
