#!/usr/bin/env python3
"""How large a group of Casefiles on Kafka has to be, and what becomes of it while members fail and come back.

    deploy/kafka/simulate.py                                                  the table of README.md
    deploy/kafka/simulate.py --spans 2e6 --partitions 24 48 --cores 8 --memory-gib 32

Prints a table in Markdown. The same arguments print the same: the seed decides when which member fails.
"""

import argparse
import math
import random

# Measured: cargo bench --bench load -- --kafka. CPU of one member for all that a span costs it until it is decided, bundles apart.
CPU_SECONDS_PER_MILLION_SPANS = 1.1
# Resident memory for a byte of OTLP that came within `retention`, with what is fetched for it.
MEMORY_PER_WIRE_BYTE = 1.5
# CPU of making, redacting and storing one bundle.
CPU_SECONDS_PER_BUNDLE = 0.003

# Assumed. How much of a span's CPU is on the one thread that works on its lane: all of it is the worst case.
LANE_THREAD_SHARE = 1.0
# Bytes of OTLP that a member can read in a second: one thread reads, and then there is the network.
READ_BYTES_PER_SECOND = 1e9
# Of the memory of a member, what its windows may have (window.max_bytes); the rest is for what was fetched, bundles and the process.
WINDOW_SHARE = 0.75
# Of a thread, of the cores and of the reading, what ordinary traffic should use at most: the rest catches up.
BUSY = 0.5
# Seconds from a change of the group until its members read again.
REBALANCE = 6
# A restart is over before session_timeout: no lane moves. Whatever is gone for longer comes back after so many seconds.
RESTART, REPLACEMENT = 20, 300
# Lanes that are behind by fewer seconds have caught up.
LIVE = 5

TOO_MUCH = ", too much"


def lines_of(args):
    yield ("| partitions | protocol | members | lanes each | spans/s a lane | of a thread | memory a lane | read again | "
           "longest behind | longest catch-up |")
    yield "|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|"
    for partitions in args.partitions:
        size = Size(args, partitions)
        for protocol in ("classic", "consumer"):
            run = Group(args, size, protocol).run()
            lanes = math.ceil(partitions / size.members)
            yield " | ".join([
                f"| {partitions:,}", protocol, f"{size.members}", f"{lanes}", f"{size.rate:,.0f}",
                f"{size.thread:.0%}" + TOO_MUCH * (size.thread > 1),
                f"{size.memory / 2**30:,.1f} GiB" + TOO_MUCH * (size.memory > size.windows),
                f"{run.again / (args.spans * args.seconds):.0%}", f"{run.worst:,.0f} s",
                f"{run.catch_up:,.0f} s |" if run.caught_up else "not at the end |",
            ])
    least = math.ceil(args.spans * CPU_SECONDS_PER_MILLION_SPANS * LANE_THREAD_SHARE / 1e6 / BUSY)
    windows = args.spans * args.span_bytes * args.retention * MEMORY_PER_WIRE_BYTE
    yield ""
    yield (f"In all: {cores(args):,.1f} cores and {windows / 2**30:,.0f} GiB of windows for {args.spans:,.0f} spans/s of {args.span_bytes} "
           f"bytes and {args.bundles:,.0f} bundles/s; {least:,} partitions or more.")


def reach(args):
    """Seconds from a trace's first record to its decision, at most."""
    return args.retention + args.decision_wait


def cores(args):
    """CPU seconds a second, of all members together."""
    return args.spans * CPU_SECONDS_PER_MILLION_SPANS / 1e6 + args.bundles * CPU_SECONDS_PER_BUNDLE


class Size:
    """What each lane needs, and so how many members there must be, one of which may be missing."""

    def __init__(self, args, partitions):
        self.partitions = partitions
        self.rate = args.spans / partitions
        self.memory = self.rate * args.span_bytes * args.retention * MEMORY_PER_WIRE_BYTE
        self.thread = self.rate * CPU_SECONDS_PER_MILLION_SPANS / 1e6 * LANE_THREAD_SHARE
        self.windows = args.memory_gib * 2**30 * WINDOW_SHARE
        most = min(
            self.windows / self.memory,
            args.cores * BUSY / (cores(args) / partitions),
            READ_BYTES_PER_SECOND * BUSY / (self.rate * args.span_bytes),
        )
        # Where not even one lane fits, a member a lane is the most that can be done.
        self.members = math.ceil(partitions / max(1, math.floor(most))) + 1


class Group:
    """The group over time, second by second. A lane is where it has come to and what is committed, as seconds of its own time."""

    def __init__(self, args, size, protocol):
        self.args, self.size, self.protocol = args, size, protocol
        self.at = [0.0] * size.partitions
        self.committed = [-float(reach(args))] * size.partitions
        self.resumes = [0] * size.partitions
        self.gone = {}
        self.owners = self.ranges()
        self.threads = None
        # Seconds of a lane's traffic that a thread does in a second, and those of all its lanes that a member reads.
        self.speed = 1e6 / CPU_SECONDS_PER_MILLION_SPANS / LANE_THREAD_SHARE / size.rate
        self.reads = READ_BYTES_PER_SECOND / args.span_bytes / size.rate
        self.worst = self.catch_up = self.again = 0.0
        self.caught_up = True

    def ranges(self):
        """Kafka's range assignor: members in order, each with lanes in a row, the first ones with one more."""
        present = [member for member in range(self.size.members) if member not in self.gone]
        each, more = divmod(self.size.partitions, len(present))
        owners = []
        for place, member in enumerate(present):
            owners += [member] * (each + (place < more))
        return owners

    def failures(self):
        """When which member fails, and whether it is back at once."""
        chance = random.Random(self.args.seed)
        count = round(self.args.failures * self.args.seconds / 3600)
        # The last tenth is left to catch up in.
        return sorted((chance.randrange(int(self.args.seconds * 0.9)), chance.randrange(self.size.members), chance.random() < 0.5)
                      for _ in range(count))

    def run(self):
        events = [(at, "restart" if brief else "loss", member) for at, member, brief in self.failures()]
        behind_since = None
        for now in range(self.args.seconds):
            for event in [event for event in events if event[0] == now]:
                events += self.happens(now, *event[1:])
            self.work(now)
            lag = now + 1 - min(self.at)
            self.worst = max(self.worst, lag)
            if lag <= LIVE:
                behind_since = None
            elif behind_since is None:
                behind_since = now
            if behind_since is not None:
                self.catch_up = max(self.catch_up, now + 1 - behind_since)
        self.caught_up = behind_since is None
        return self

    def happens(self, now, what, member):
        """Changes the group; returns what follows from it later."""
        if what == "restart" and member not in self.gone:
            for lane in self.lanes_of(member):
                self.begin_again(lane, now + RESTART)
        if what == "loss" and member not in self.gone:
            # Until the session runs out, its lanes are nobody's.
            for lane in self.lanes_of(member):
                self.resumes[lane] = now + self.args.seconds
            return [(now + self.args.session_timeout, "expiry", member), (now + REPLACEMENT, "return", member)]
        if what == "expiry":
            self.gone[member] = now
            self.rebalance(now)
        if what == "return":
            del self.gone[member]
            self.rebalance(now)
        return []

    def lanes_of(self, member):
        return [lane for lane, owner in enumerate(self.owners) if owner == member]

    def rebalance(self, now):
        """Lanes change hands: of the classic protocol all are taken away and given out again, of KIP-848 those that move."""
        before, self.owners, self.threads = self.owners, self.ranges(), None
        for lane, (old, new) in enumerate(zip(before, self.owners)):
            if self.protocol == "classic" or old != new:
                self.begin_again(lane, now + REBALANCE)

    def begin_again(self, lane, resumes):
        """A lane is taken up where its commit says: one reach before the first message that has had no outcome."""
        place = self.committed[lane] - reach(self.args)
        self.again += max(0.0, self.at[lane] - place) * self.size.rate
        self.at[lane] = place
        self.resumes[lane] = resumes

    def work(self, now):
        """One second of all members."""
        for threads in self.members():
            lanes = [lane for lanes in threads for lane in lanes]
            if self.keeps_up(threads) and all(self.at[lane] == now >= self.resumes[lane] for lane in lanes):
                done = [(lane, 1.0) for lane in lanes]
            else:
                done = [share for lanes in threads for share in self.shared(lanes, now)]
                total = sum(seconds for _, seconds in done)
                part = min(1.0, self.reads / total) if total > 0 else 0.0
                done = [(lane, seconds * part) for lane, seconds in done]
            for lane, seconds in done:
                self.at[lane] += seconds
                self.committed[lane] = max(self.committed[lane], self.at[lane] - reach(self.args))

    def members(self):
        """The lanes of each member, by thread."""
        if self.threads is None:
            members = {}
            for lane, member in enumerate(self.owners):
                members.setdefault(member, {}).setdefault(lane % self.args.cores, []).append(lane)
            self.threads = [list(threads.values()) for threads in members.values()]
        return self.threads

    def keeps_up(self, threads):
        return max(map(len, threads)) <= self.speed and sum(map(len, threads)) <= self.reads

    def shared(self, lanes, now):
        """How many seconds of traffic each of a thread's lanes gets done, by turns."""
        done, left = [], self.speed
        wanted = sorted((now + 1 - self.at[lane], lane) for lane in lanes if self.resumes[lane] <= now)
        for place, (want, lane) in enumerate(wanted):
            seconds = min(want, left / (len(wanted) - place))
            left -= seconds
            done.append((lane, seconds))
        return done


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--spans", type=float, default=50e6, help="spans a second, of all services")
    parser.add_argument("--span-bytes", type=int, default=500, help="bytes of OTLP a span, its logs and its share of resources included")
    parser.add_argument("--bundles", type=float, default=500, help="bundles a second")
    parser.add_argument("--partitions", type=int, nargs="+", default=[10, 100, 1000], help="partitions of each topic")
    parser.add_argument("--cores", type=int, default=16, help="cores of a member")
    parser.add_argument("--memory-gib", type=float, default=64, help="memory of a member")
    parser.add_argument("--retention", type=int, default=60, help="window.retention in seconds")
    parser.add_argument("--decision-wait", type=int, default=10, help="tail_sampling.decision_wait in seconds")
    parser.add_argument("--session-timeout", type=int, default=45, help="session_timeout in seconds")
    parser.add_argument("--failures", type=float, default=6, help="members that fail in an hour; half of them are back at once")
    parser.add_argument("--seconds", type=int, default=3600, help="time that is simulated")
    parser.add_argument("--seed", type=int, default=1, help="decides when which member fails")
    print("\n".join(lines_of(parser.parse_args())))


if __name__ == "__main__":
    main()
