"""Measurements: what profiling/run's rounds left, merged into the one structure that tables, charts and comparisons start from.

    {"date", "commit", "threads", "load", "machine": {...}, "peers": {...}, "failures": [...],
     "rows": [{"name", "operation", "dtype", "rows", "cols", "contestant", "bytes", "reads", "writes",
               "median_us", "q1_us", "q3_us", "samples"}, ...]}

Rows of the memory itself have the operation "ceiling" and their pass as contestant; the load is the system's average before
anything was measured. Those of a GPU have no threads and a machine with the key "gpu"; their rows also have "inner" (1 where the elements
of a row are neighbours), the plan of smx's calls, what the model predicts ("predicted_us"), and the process that they were measured in,
where it is not that of smx_bench_cuda: smx takes part there too, as the contestant smx-PROCESS. "checks" are lines about tests and
sanitizers.
"""
import datetime
import json
import math
import os
import re
import statistics

import model

MICROSECONDS = {"ns": 1e-3, "us": 1.0, "ms": 1e3, "s": 1e6}
CEILING = "ceiling"


PEERS = ("onednn", "torch", "cudnn", "torch_compile", "triton", "liger")
NUMBERS = ("bytes", "reads", "writes", "rows", "cols", "inner")
TEXTS = ("plan",)


def merge(files, threads, commit, load, resources=None, checks=()):
    """Of the JSON files of all rounds: every repetition of every round counts the same."""
    times, facts, peers, failures, caches, gpu = {}, {}, {}, {}, [], None
    for file in files:
        with open(file, encoding="utf-8") as opened:
            content = json.load(opened)
        context = content["context"]
        caches = context.get("caches", caches)
        gpu = context if "multiprocessors" in context else gpu
        if "cases_not_reached" in context:
            failures["cases/of/the/first round"] = f"{context['cases_not_reached']} were not reached in time"
        if "broke_off" in context:
            failures["the/whole/measurement"] = context["broke_off"]
        peers.update((peer, context[peer]) for peer in PEERS if peer in context)
        for entry in content["benchmarks"]:
            if entry.get("run_type") != "iteration":
                continue
            name = entry["name"].removesuffix("/real_time")
            if entry.get("error_occurred"):
                failures[name] = entry["error_message"]
                continue
            times.setdefault(name, []).append(entry["real_time"] * MICROSECONDS[entry["time_unit"]])
            facts[name] = {key: int(entry[key]) for key in NUMBERS if key in entry}
            facts[name].update((key, entry[key]) for key in TEXTS if key in entry)
            if "process" in context:
                facts[name]["process"] = context["process"]
    rows = [{"name": name, **parts(name), **facts[name], **summary(times[name])} for name in times]
    merged = {"date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"), "commit": commit, "threads": threads,
              "load": load, "machine": gpu_machine(gpu) if gpu else machine(caches), "peers": peers, "failures": list_of_failures(failures),
              "checks": checks,
              "rows": rows}
    if gpu:
        for row in rows:
            predicted = model.predict(row, merged["machine"], resources) if row["contestant"] == "smx" else None
            if predicted is not None:
                row["predicted_us"] = round(predicted, 3)
    return merged


def list_of_failures(failures):
    """One line for those of an operation and contestant that are many."""
    kinds = {}
    for name, message in sorted(failures.items()):
        pieces = name.split("/")
        kinds.setdefault((pieces[0], pieces[-1]), []).append(f"{name}: {message}")
    return [lines[0] + (f" (and {len(lines) - 1} more of {kind[0]} by {kind[1]})" if len(lines) > 1 else "")
            for kind, lines in sorted(kinds.items())]


def parts(name):
    pieces = name.split("/")
    if pieces[0] == CEILING:
        return {"operation": CEILING, "contestant": pieces[1]}
    return {"operation": pieces[0], "dtype": pieces[1], "contestant": pieces[3]}


def summary(times):
    q1, median, q3 = statistics.quantiles(times, n=4, method="inclusive") if len(times) > 1 else 3 * times
    return {"median_us": round(median, 3), "q1_us": round(q1, 3), "q3_us": round(q3, 3), "samples": len(times)}


def as_json(measurements):
    """A row per line, so that two files can be told apart by eye."""
    head = json.dumps({**measurements, "rows": []}, indent=1)
    rows = ",\n".join("  " + json.dumps(row) for row in measurements["rows"])
    return head.replace('"rows": []', f'"rows": [\n{rows}\n ]') + "\n"


def machine(caches):
    model = "unknown"
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8") as info:
            known = dict(re.findall(r"^(cpu family|model|model name)\s*:\s*(.*)$", info.read(), re.MULTILINE))
            model = known.get("model name", os.uname().machine)
            if "cpu family" in known:  # virtual machines call processors of different generations the same
                model += f", family {known['cpu family']} model {known['model']}"
    last = max((cache for cache in caches if cache["type"] != "Instruction"), key=lambda cache: cache["level"], default={"size": 0})
    return {"cpu": model, "processors": os.cpu_count(), "system": f"{os.uname().sysname} {os.uname().release}",
            "last_cache_bytes": last["size"]}


def gpu_machine(context):
    left_out = {*PEERS, "rounds", "process", "cases_not_reached", "broke_off"}
    return {**{key: value for key, value in context.items() if key not in left_out},
            "system": f"{os.uname().sysname} {os.uname().release}"}


def title(measurements):
    """What was measured on, in words."""
    found = measurements["machine"]
    return found["gpu"] if "gpu" in found else f"{found['cpu']}, {measurements['threads']} thread(s)"


def shape_of(row):
    """rows x columns; outer x columns x inner where the rows lie along an inner axis."""
    inner = row.get("inner", 1)
    return f"{row['rows'] // inner}x{row['cols']}" + (f"x{inner}" if inner > 1 else "")


def gigabytes_per_second(row):
    return row["bytes"] / row["median_us"] / 1e3


def ceiling(measurements, row):
    """GB/s of the fastest pass over the memory with the row's mix of reads and writes, of those that moved about as many bytes (on the
    CPU all move the same); None if none was measured."""
    same = [c for c in measurements["rows"] if c["operation"] == CEILING and (c["reads"], c["writes"]) == (row["reads"], row["writes"])]
    nearest = min((abs(math.log(c["bytes"] / row["bytes"])) for c in same), default=0)
    return max((gigabytes_per_second(c) for c in same if abs(math.log(c["bytes"] / row["bytes"])) < nearest + 0.05), default=None)


def share_of_ceiling(measurements, row):
    """1 where the row moves its least traffic as fast as the memory can; None where that says nothing, as the data fit into the caches. On
    a GPU the cache was emptied before."""
    fastest = ceiling(measurements, row)
    if fastest is None or row["bytes"] <= measurements["machine"].get("last_cache_bytes", 0):
        return None
    return gigabytes_per_second(row) / fastest
