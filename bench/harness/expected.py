"""Computes the right answers from a broker's own files, with neither our programs nor any engine.

Kafka's DumpLogSegments prints what a partition's files hold, Python's json and integers add it up.
"""

import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
from decimal import ROUND_HALF_UP, Decimal

from harness.brokers import PARTITIONS, REPOSITORY
from harness.failure import Failure

JARS = REPOSITORY / "zookeeper-kafka" / "target" / "jars"
RECORD = re.compile(r"^\| offset: (\d+) .*? valueSize: (\d+) .*? payload: (\{.*\})$")
# A group is shown as it changes if the prefix of its id is below this one.
SHOWN_BELOW = "0100"
# The signals that end the program before it is done.
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# The unit of the last digit of `DECIMAL(16,6)`, which is the type of an average of DECIMAL(12,2).
AVERAGE = Decimal("0.000001")


def totals(brokers, topic, count):
    """Returns count, sum, average, smallest and largest amount by card brand, and how many bytes a record has on
    average.
    """
    by_brand, records, size = {}, 0, 0
    for partition, bytes_read in _map(_brands, brokers, topic, ()):
        size += bytes_read
        for brand, (number, total, smallest, largest) in partition.items():
            records += number
            known = by_brand.setdefault(brand, [0, 0, smallest, largest])
            known[0] += number
            known[1] += total
            known[2] = min(known[2], smallest)
            known[3] = max(known[3], largest)
    _check_count(topic, records, count)
    right = {
        brand: {
            "transactions": number,
            "total": _amount(total),
            "average": (_amount(total) / number).quantize(AVERAGE, ROUND_HALF_UP),
            "smallest": _amount(smallest),
            "largest": _amount(largest),
        }
        for brand, (number, total, smallest, largest) in by_brand.items()
    }
    return right, size // records


def largest_groups(brokers, task):
    """Returns how many groups there are by the beginning of the id and a remainder of the offset, and the largest ones.
    """
    groups = _groups_of(brokers, task, task.records)
    ordered = sorted(groups, key=lambda key: (-groups[key][1], key))[: task.largest]
    rows = [(*key, groups[key][0], _amount(groups[key][1])) for key in ordered]
    return len(groups), rows


def shown_groups(brokers, task):
    """Returns how many groups a topic that has grown has, by the beginning of the id and a remainder of the offset, and
    those groups that are shown as they change.
    """
    groups = _groups_of(brokers, task, task.records + task.added)
    shown = {key: (number, _amount(total)) for key, (number, total) in groups.items() if key[0] < SHOWN_BELOW}
    return len(groups), shown


def _groups_of(brokers, task, count):
    groups = {}
    for partition in _map(_groups, brokers, task.topic, (task.modulus,)):
        for key, (number, total) in partition.items():
            known = groups.setdefault(key, [0, 0])
            known[0] += number
            known[1] += total
    _check_count(task.topic, sum(number for number, _total in groups.values()), count)
    return groups


def _map(function, brokers, topic, arguments):
    """Returns the results of `function` for the folder of every partition, computed on all cores."""
    folders = [brokers.data / "kafka-1" / "data" / f"{topic}-{partition}" for partition in range(PARTITIONS)]
    # The signals are blocked meanwhile: one that comes to a process that has only begun would be lost, and waiting for
    # that process's end would never end.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        pool = multiprocessing.Pool(min(PARTITIONS, os.cpu_count() or 1), _end_quietly)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    with pool:
        results = pool.starmap(function, [(folder, *arguments) for folder in folders])
        # The processes end by themselves here; at the end of `with` they would be sent a signal.
        pool.close()
        pool.join()
    return results


def _end_quietly():
    """Ends a process of the pool at a signal without a message: whoever interrupted the run knows it already."""
    for number in ENDING:
        signal.signal(number, lambda *_signal: sys.exit(1))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)


def _brands(folder):
    totals_of, size = {}, 0
    for _offset, bytes_read, record in _records(folder):
        size += bytes_read
        amount = _cents(record["amount"])
        known = totals_of.setdefault(record["card_brand"], [0, 0, amount, amount])
        known[0] += 1
        known[1] += amount
        known[2] = min(known[2], amount)
        known[3] = max(known[3], amount)
    return totals_of, size


def _groups(folder, modulus):
    groups = {}
    for offset, _bytes, record in _records(folder):
        known = groups.setdefault((record["transaction_id"][:4], offset % modulus), [0, 0])
        known[0] += 1
        known[1] += _cents(record["amount"])
    return groups


def _records(folder):
    files = ",".join(str(file) for file in sorted(folder.glob("*.log")))
    dump = ["java", "-cp", f"{JARS}/*", "kafka.tools.DumpLogSegments", "--print-data-log", "--files", files]
    with subprocess.Popen(dump, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            for line in process.stdout:
                found = RECORD.match(line)
                if found:
                    yield int(found[1]), int(found[2]), json.loads(found[3], parse_float=Decimal)
        finally:
            # The program would print on to the end, even if nobody reads its output.
            process.kill()


def _cents(amount):
    cents = Decimal(amount).scaleb(2)
    if cents != cents.to_integral_value():
        raise ValueError(f"{amount} is no amount of cents")
    return int(cents)


def _amount(cents):
    return Decimal(cents).scaleb(-2)


def _check_count(topic, found, count):
    if found != count:
        raise Failure(f"{topic} should hold {count} records, its files have {found}")
