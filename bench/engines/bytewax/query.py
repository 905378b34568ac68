"""The query as a dataflow for Bytewax."""

import json
import os
from decimal import ROUND_HALF_UP, Decimal

import bytewax.operators as op
import orjson
from bytewax.connectors.kafka import KafkaSource
from bytewax.connectors.stdio import StdOutSink
from bytewax.dataflow import Dataflow


def partial(messages):
    """Returns the groups of a batch of messages, under the one key that brings all of them together."""
    groups = {}
    for message in messages:
        record = orjson.loads(message.value)
        # A double holds more than twelve digits, so rounding gives exactly the number of cents.
        cents = round(record["amount"] * 100)
        add(groups, record["card_brand"], (1, cents, cents, cents))
    return [("all", groups)]


def add(groups, brand, more):
    """Adds one more group to those that there are."""
    known = groups.get(brand)
    if known is not None:
        more = (known[0] + more[0], known[1] + more[1], min(known[2], more[2]), max(known[3], more[3]))
    groups[brand] = more


def merge(groups, more):
    """Adds the groups of `more` to `groups`, and returns these."""
    for brand, group in more.items():
        add(groups, brand, group)
    return groups


def result(keyed):
    """Returns a line for the benchmark."""
    _key, groups = keyed
    amount = lambda cents: Decimal(cents).scaleb(-2)
    rows = [
        {
            "card_brand": brand,
            "transactions": count,
            "total": amount(total),
            "average": (amount(total) / count).quantize(Decimal("0.000001"), ROUND_HALF_UP),
            "smallest": amount(smallest),
            "largest": amount(largest),
        }
        for brand, (count, total, smallest, largest) in groups.items()
    ]
    return json.dumps({"result": rows}, default=str)


source = KafkaSource(
    brokers=[os.environ["KAFKA_BOOTSTRAP_SERVERS"]],
    topics=[os.environ["TOPIC"]],
    tail=False,
    batch_size=10_000,
    add_config={"fetch.queue.backoff.ms": "1"},
)
flow = Dataflow("totals")
messages = op.input("records", flow, source)
partials = op.flat_map_batch("partial", messages, partial)
groups = op.fold_final("merge", partials, dict, merge)
op.output("result", op.map("line", groups, result), StdOutSink())
