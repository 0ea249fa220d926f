"""`python -m benchmarks [NAME ...]`: run the measurements on this machine and print their results."""

from __future__ import annotations

import sys
import time

from wheelfleet.text import human_duration

from benchmarks import (
    builder,
    builds,
    corpus,
    engine,
    everything,
    first_start,
    freshness,
    idle,
    index,
    mirror,
    order,
    planner,
    publishing,
    site,
    utilisation,
)

MEASUREMENTS = {
    "builder": builder.measure,
    "builds": builds.measure,
    "idle": idle.measure,
    "planner": planner.measure,
    "order": order.measure,
    "engine": engine.measure,
    "index": index.measure,
    "mirror": mirror.measure,
    "publishing": publishing.measure,
    "freshness": freshness.measure,
    "site": site.measure,
    "utilisation": utilisation.measure,
}
#: Run only by name: `corpus` and `corpus-2` need the real index and take half an hour and some hours, the others take
#: many minutes.
LONG = {
    "corpus": corpus.measure,
    "corpus-2": corpus.measure_second,
    "everything": everything.measure,
    "first-start": first_start.measure,
}


def main(names: list[str]) -> int:
    """Run the named measurements, or all but the long ones; returns the exit status."""
    known = MEASUREMENTS | LONG
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"No measurement is named {unknown[0]}; there are {', '.join(known)}.", file=sys.stderr)
        return 2
    for name in names or MEASUREMENTS:
        began = time.monotonic()
        known[name]()
        print(f"{name} took {human_duration(time.monotonic() - began)}", file=sys.stderr, flush=True)
    return 0


# The planner's simulations run in child processes, which may import this file.
if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
