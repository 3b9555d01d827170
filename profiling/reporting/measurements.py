"""Measurements: what profiling/run's rounds left, merged into the one structure that tables, charts and comparisons start from.

    {"date", "commit", "threads", "load", "machine": {...}, "peers": {...}, "failures": [...],
     "rows": [{"name", "operation", "dtype", "rows", "cols", "contestant", "bytes", "reads", "writes",
               "median_us", "q1_us", "q3_us", "samples"}, ...]}

Rows of the memory itself have the operation "ceiling" and their pass as contestant; the load is the system's average before
anything was measured.
"""
import datetime
import json
import os
import re
import statistics

MICROSECONDS = {"ns": 1e-3, "us": 1.0, "ms": 1e3, "s": 1e6}
CEILING = "ceiling"


def merge(files, threads, commit, load):
    """Of the JSON files of all rounds: every repetition of every round counts the same."""
    times, facts, peers, failures, caches = {}, {}, {}, set(), []
    for file in files:
        with open(file, encoding="utf-8") as opened:
            content = json.load(opened)
        caches = content["context"].get("caches", caches)
        peers.update((peer, content["context"][peer]) for peer in ("onednn", "torch") if peer in content["context"])
        for entry in content["benchmarks"]:
            if entry.get("run_type") != "iteration":
                continue
            name = entry["name"].removesuffix("/real_time")
            if entry.get("error_occurred"):
                failures.add(f"{name}: {entry['error_message']}")
                continue
            times.setdefault(name, []).append(entry["real_time"] * MICROSECONDS[entry["time_unit"]])
            facts[name] = {key: int(entry[key]) for key in ("bytes", "reads", "writes", "rows", "cols") if key in entry}
    rows = [{"name": name, **parts(name), **facts[name], **summary(times[name])} for name in times]
    return {"date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"), "commit": commit, "threads": threads, "load": load,
            "machine": machine(caches), "peers": peers, "failures": sorted(failures), "rows": rows}


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
            found = re.search(r"^model name\s*:\s*(.*)$", info.read(), re.MULTILINE)
            model = found.group(1) if found else os.uname().machine
    last = max((cache for cache in caches if cache["type"] != "Instruction"), key=lambda cache: cache["level"], default={"size": 0})
    return {"cpu": model, "processors": os.cpu_count(), "system": f"{os.uname().sysname} {os.uname().release}",
            "last_cache_bytes": last["size"]}


def gigabytes_per_second(row):
    return row["bytes"] / row["median_us"] / 1e3


def ceiling(measurements, row):
    """GB/s of the fastest pass over the memory with the row's mix of reads and writes; None if none was measured."""
    same = [gigabytes_per_second(c) for c in measurements["rows"]
            if c["operation"] == CEILING and (c["reads"], c["writes"]) == (row["reads"], row["writes"])]
    return max(same, default=None)


def share_of_ceiling(measurements, row):
    """1 where the row moves its least traffic as fast as the memory can; None where that says nothing, as the data fit into the caches."""
    fastest = ceiling(measurements, row)
    if fastest is None or row["bytes"] <= measurements["machine"]["last_cache_bytes"]:
        return None
    return gigabytes_per_second(row) / fastest
