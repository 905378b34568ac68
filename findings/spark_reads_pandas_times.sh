#!/usr/bin/env bash
# Spark 4.0.0 reads the times that pandas 3.1.1 writes as years around 58000, without a word.
#
# pandas' to_json writes a time as a number, milliseconds since 1970, unless it is told otherwise. Spark's from_json
# takes a number for a TIMESTAMP as seconds since 1970. So 2026-01-31 12:00 becomes 28 August 58054: no NULL, no corrupt
# record, no warning. The same number in quotes, and one with a fraction, give NULL.
#
# Needs Python 3 with venv and Java 17. Fails if the output is another one.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pandas==3.1.1 pyspark==4.0.0

cat >"$folder/read.py" <<'PYTHON'
import pandas
from pyspark.sql import SparkSession
from pyspark.sql.functions import col, from_json

frame = pandas.DataFrame({"at": [pandas.Timestamp("2026-01-31T12:00:00Z")]})
written = frame.to_json(orient="records", lines=True).strip()
records = [written, '{"at":"1769860800"}', '{"at":1769860800.5}', '{"at":1769860800}']

builder = SparkSession.builder.master("local[1]").config("spark.sql.session.timeZone", "UTC")
spark = builder.config("spark.ui.enabled", "false").getOrCreate()
rows = spark.createDataFrame([(record,) for record in records], "value STRING")
read = rows.select("value", from_json("value", "at TIMESTAMP").at.cast("STRING").alias("at"))
for row in read.collect():
    print(row.value, row.at)
spark.stop()
PYTHON

seen=$("$folder/venv/bin/python" "$folder/read.py" 2>"$folder/log") || { cat "$folder/log" >&2; exit 1; }
expected='{"at":1769860800000} +58054-08-28 00:00:00
{"at":"1769860800"} None
{"at":1769860800.5} None
{"at":1769860800} 2026-01-31 12:00:00'
printf '%s\n' "$seen"
if [[ $seen != "$expected" ]]; then
  printf 'this has changed; it was:\n%s\n' "$expected" >&2
  exit 1
fi
echo 'as described'
