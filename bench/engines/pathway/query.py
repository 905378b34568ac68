"""The query as a program for Pathway."""

import json
import sys
from decimal import ROUND_HALF_UP, Decimal

import pathway as pw

servers, topic = sys.argv[1:]


class Transaction(pw.Schema):
    card_brand: str
    amount: float


def amount(cents):
    """Returns a whole number of cents as an amount."""
    return Decimal(cents).scaleb(-2)


latest = {}


def change(key, row, time, is_addition):
    """Keeps the newest row of each brand. The row that it replaces comes as well, with `is_addition` false."""
    if is_addition:
        latest[row["card_brand"]] = row


def end():
    """Prints a line for the benchmark."""
    rows = [
        {
            "card_brand": brand,
            "transactions": row["transactions"],
            "total": amount(row["total"]),
            "average": (amount(row["total"]) / row["transactions"]).quantize(Decimal("0.000001"), ROUND_HALF_UP),
            "smallest": amount(row["smallest"]),
            "largest": amount(row["largest"]),
        }
        for brand, row in latest.items()
    ]
    print(json.dumps({"result": rows}, default=str), flush=True)


records = pw.io.kafka.read(
    {
        "bootstrap.servers": servers,
        "group.id": "pathway",
        "auto.offset.reset": "earliest",
        "fetch.queue.backoff.ms": "1",
    },
    topic,
    schema=Transaction,
    format="json",
    mode="static",
    # A number of records. Without a limit Pathway reads ahead of what it computes until the memory is full.
    max_backlog_size=50_000,
)
# A double holds more than twelve digits, so rounding gives exactly the number of cents.
cents = records.select(pw.this.card_brand, cents=pw.cast(int, (pw.this.amount * 100).num.round()))
totals = cents.groupby(pw.this.card_brand).reduce(
    pw.this.card_brand,
    transactions=pw.reducers.count(),
    total=pw.reducers.sum(pw.this.cents),
    smallest=pw.reducers.min(pw.this.cents),
    largest=pw.reducers.max(pw.this.cents),
)
pw.io.subscribe(totals, on_change=change, on_end=end)
pw.run(monitoring_level=pw.MonitoringLevel.NONE)
