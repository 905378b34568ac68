"""The query as a program for pyspark."""

import json
import signal
import sys
import threading

from pyspark.sql import SparkSession
from pyspark.sql.streaming import StreamingQueryListener

kind, servers, topic, jars, scratch, modulus, largest, batch, shown_below = sys.argv[1:]

by_group = kind in ("groups", "updates")

SCHEMA = "transaction_id STRING, card_brand STRING, amount DECIMAL(12,2)"
TOTALS = """
    SELECT card_brand, count(*) AS transactions, sum(amount) AS total, avg(amount) AS average,
           min(amount) AS smallest, max(amount) AS largest
    FROM transactions GROUP BY card_brand
"""
GROUPS = f"""
    SELECT substr(transaction_id, 1, 4) AS prefix, offset % {modulus} AS remainder,
           count(*) AS transactions, sum(amount) AS total
    FROM transactions GROUP BY 1, 2
"""


def tell(found):
    """Prints a line for the benchmark."""
    print(json.dumps(found, default=str), flush=True)


def result(rows, _batch_id):
    """Reports a batch's result."""
    if kind == "groups":
        rows = rows.orderBy(rows.total.desc(), "prefix", "remainder").limit(int(largest))
    elif kind == "updates":
        rows = rows.where(rows.prefix < shown_below)
    else:
        rows = rows.orderBy(rows.total.desc())
    tell({"result": [row.asDict() for row in rows.collect()]})


class Progress(StreamingQueryListener):
    """Reports each batch when it is over."""

    def onQueryStarted(self, event):
        """Reports nothing."""

    def onQueryProgress(self, event):
        """Prints a line about the batch for the benchmark."""
        progress = event.progress
        if progress.numInputRows > 0:
            states = [{"numRowsTotal": state.numRowsTotal} for state in progress.stateOperators]
            tell(
                {
                    "numInputRows": progress.numInputRows,
                    "durationMs": dict(progress.durationMs),
                    "stateOperators": states,
                }
            )

    def onQueryTerminated(self, event):
        """Reports nothing."""


spark = (
    SparkSession.builder.master("local[2]")
    .appName("bench")
    .config("spark.jars", jars)
    # The default of 1 GB is enough for few groups; more would only be filled with garbage.
    .config("spark.driver.memory", "6g" if by_group else "1g")
    .config("spark.ui.enabled", "false")
    .config("spark.ui.showConsoleProgress", "false")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.driver.host", "127.0.0.1")
    # There are as many partitions as threads: the default of 200 is for a cluster.
    .config("spark.sql.shuffle.partitions", "2")
    .config("spark.sql.warehouse.dir", f"{scratch}/warehouse")
    .getOrCreate()
)
spark.sparkContext.setLogLevel("ERROR")
source = (
    spark.readStream.format("kafka")
    .option("kafka.bootstrap.servers", servers)
    .option("subscribe", topic)
    .option("startingOffsets", "earliest")
)
if by_group:
    source = source.option("maxOffsetsPerTrigger", batch)
records = source.load().selectExpr("offset", f"from_json(CAST(value AS STRING), '{SCHEMA}') AS record")
records.select("offset", "record.*").createOrReplaceTempView("transactions")
writer = (
    spark.sql(GROUPS if by_group else TOTALS)
    .writeStream.outputMode("update" if kind == "updates" else "complete")
    .foreachBatch(result)
    .option("checkpointLocation", f"{scratch}/checkpoints")
)

if kind != "totals":
    spark.streams.addListener(Progress())
if kind in ("live", "updates"):
    over = threading.Event()
    signal.signal(signal.SIGINT, lambda *_signal: over.set())
    query = writer.start()
    while not over.is_set() and not query.awaitTermination(1):
        pass
    query.stop()
else:
    writer.trigger(availableNow=True).start().awaitTermination()
# Spark stops only now, when each listener has received everything.
spark.stop()
