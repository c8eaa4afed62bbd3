"""The whole province in memory against Faker's `profile()`, in one run and on one core.

Ours: from the first table to 4.32 million citizens held as numpy columns, all of them made now. Peer: a sample of
profiles, extrapolated to as many citizens. CPU seconds of this process, which other work on the machine does not touch;
wall seconds are shown beside them.
"""

from __future__ import annotations

import argparse
import gc
import os
import resource
import time
from importlib.metadata import version

from faker import Faker

from bench._line import result
from scenarios.population import Population
from scenarios.province import communes
from scenarios.types import Identities

GOAL_S = 2.0
SAMPLE_MIN = 2_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=4_000, help="Faker profiles to make (at least 2,000)")
    sample = max(SAMPLE_MIN, parser.parse_args().sample)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

    wall, cpu = time.perf_counter(), time.process_time()
    province = Population(communes(), 2025, Identities.REALISTIC)
    columns = [province.columns(at) for at in range(len(province.communes))]
    ours, ours_wall = time.process_time() - cpu, time.perf_counter() - wall
    people = sum(len(c) for c in columns)
    size = sum(a.nbytes for c in columns for a in c.arrays().values())
    width = len(columns[0].arrays())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    cpu = time.process_time()
    alone = [province.citizen(number) for number in range(0, people, people // 5_000)]
    one = (time.process_time() - cpu) / len(alone)
    del columns, alone
    gc.collect()
    cpu = time.process_time()
    rows = sum(province.arrow(at).num_rows for at in range(len(province.communes)))
    as_text = time.process_time() - cpu
    gc.collect()

    fake = Faker("vi_VN")
    fake.seed_instance(2025)
    fake.profile()
    cpu = time.process_time()
    for _ in range(sample):
        fake.profile()
    peer = (time.process_time() - cpu) / sample * people

    name = f"Faker {version('faker')} vi_VN profile()"
    print(f"{people:,} citizens of {len(province.communes)} communes, {width} columns (names as codes), all made now")
    print(f"ours: {ours:.2f} s CPU ({ours_wall:.2f} s wall), {size / 1e6:.0f} MB, peak of the process {peak:.0f} MB")
    print(f"made again with names, addresses and e-mail as Arrow text: {as_text:.2f} s CPU ({rows:,} rows)")
    print(f"one citizen alone, as an object: {one * 1e6:.0f} µs")
    print(f"peer: {name}, {sample:,} made, extrapolated to {people:,}: {peer:,.0f} s CPU ({peer / 60:.1f} min)")
    result(
        "people", ours, peer, GOAL_S, people == 4_324_783 and ours <= GOAL_S,
        goal_text="ours <= 2.0 s on one core", unit="s CPU", peer_name=name, peer_sample=sample, citizens=people,
    )  # fmt: skip


if __name__ == "__main__":
    main()
