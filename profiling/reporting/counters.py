#!/usr/bin/env python3
"""What Nsight Compute has counted of single kernels, as Markdown on standard output.

    counters.py FILE.csv

FILE is the raw page of ncu (--page raw --csv). Of the reasons why warps waited those are named that cost most, in cycles per instruction
issued.
"""
import csv
import re
import sys

COLUMNS = [("time us", "gpu__time_duration.sum"), ("DRAM %", "dram__throughput.avg.pct_of_peak_sustained_elapsed"),
           ("DRAM MB", "dram__bytes.sum"), ("occupancy %", "sm__warps_active.avg.pct_of_peak_sustained_active"),
           ("registers", "launch__registers_per_thread"), ("blocks", "launch__grid_size"), ("threads", "launch__block_size")]
SCALES = {"nsecond": 1e-3, "ns": 1e-3, "usecond": 1, "us": 1, "msecond": 1e3, "ms": 1e3, "byte": 1e-6, "Kbyte": 1e-3, "Mbyte": 1,
          "Gbyte": 1e3}
STALL = re.compile(r"issue_stalled_(\w+?)_per_(?:issue_active|warp_active)")
SHOWN_STALLS = 3


def number(text):
    try:
        return float(text.replace(",", ""))
    except (AttributeError, ValueError):
        return None


def cell(row, units, metric):
    value = number(row.get(metric))
    if value is None:
        return row.get(metric) or "-"
    return f"{value * SCALES.get(units.get(metric, ''), 1):.6g}"


def stalls(row):
    found = [(number(value), STALL.search(name).group(1)) for name, value in row.items() if name and STALL.search(name)]
    return ", ".join(f"{reason} {value:.1f}" for value, reason in sorted((f for f in found if f[0]), reverse=True)[:SHOWN_STALLS])


def short(kernel):
    return re.sub(r"^void |\(.*$|smx::|\(int\)", "", kernel)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as opened:  # ncu and the program may have said other things on the same stream
        lines = [line for line in opened if line.startswith('"')]
    rows = list(csv.DictReader(lines))
    if len(rows) < 2:
        sys.exit(f"counters: no kernel in {sys.argv[1]}")
    units, rows = rows[0], rows[1:]
    print("| kernel | " + " | ".join(title for title, _ in COLUMNS) + " | waited for |")
    print("| :-- |" + " --: |" * len(COLUMNS) + " :-- |")
    for row in rows:
        cells = [short(row["Kernel Name"]), *(cell(row, units, metric) for _, metric in COLUMNS), stalls(row) or "-"]
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
