#!/usr/bin/env python3
"""Compares runs with the same requests from a client that does nothing else. Called by `.ci/moto_rate`.

moto_rate.py FOLDER...      each with report.json and a replay-N.json for each number of requests in flight
"""

import json
import pathlib
import statistics
import sys


def rates(folder):
    """Requests per second: of the run, and of each replay."""
    totals = json.loads((folder / "report.json").read_text())["totals"]
    replays = {}
    for path in folder.glob("replay-*.json"):
        told = json.loads(path.read_text())
        replays[int(path.stem.partition("-")[2])] = told["requests"] / told["seconds"]
        assert told["same_status"] >= 0.97 * told["requests"], f"{path}: {told}: not the same requests any more"
        # One request looks for the target before the planning.
        assert told["requests"] == totals["requests"] - 1, (told, totals)
    seconds = totals["milliseconds"] / 1000
    return (totals["requests"] - 1) / seconds, replays, totals["milliseconds_in_flight"] / totals["milliseconds"]


def main():
    found = [rates(pathlib.Path(folder)) for folder in sys.argv[1:]]
    # The best that moto could do, whatever the number in flight.
    shares = [run / max(replays.values()) for run, replays, _ in found]
    median = statistics.median
    print(f"{len(found)} round(s), medians:")
    print(f"  eipcheck: {median(run for run, _, _ in found):.0f} requests/s", end="")
    print(f", a request in flight for {median(flight for _, _, flight in found):.1%} of the time")
    for number in sorted(found[0][1]):
        print(f"  nothing but requests, {number} in flight: {median(r[number] for _, r, _ in found):.0f} requests/s")
    print(f"  share of the best of these, round by round: {median(shares):.1%} ({', '.join(f'{s:.1%}' for s in shares)})")


if __name__ == "__main__":
    main()
