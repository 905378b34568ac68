#!/usr/bin/env bash
# DuckDB 2.0.1 writes the same DECIMAL in two ways, by the digits of its type.
#
# COPY … TO a JSON file writes DECIMAL(15,2) 12.50 as 12.5 and DECIMAL(16,2) 12.50 as 12.50. Up to 15 digits the
# value goes through a double: zeros at its end are lost, 0.0000001 becomes 1e-7, and a DECIMAL(15,0), which has no digit
# behind the point, gets one: 123456789012345.0. A reader that takes a column's type from such a file sees whole numbers
# with a fraction, and one that compares amounts as text sees a change where there is none.
#
# Needs Python 3 with venv. Fails if the output is another one.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.1

cat >"$folder/write.py" <<'PYTHON'
import pathlib
import sys

import duckdb

file = pathlib.Path(sys.argv[1], "amounts.json")
connection = duckdb.connect()
for value in (
    "12.50::DECIMAL(15,2)",
    "12.50::DECIMAL(16,2)",
    "0.0000001::DECIMAL(15,7)",
    "0.0000001::DECIMAL(16,7)",
    "123456789012345::DECIMAL(15,0)",
    "123456789012345::DECIMAL(16,0)",
):
    connection.execute(f"COPY (SELECT {value} AS amount) TO '{file}' (FORMAT json)")
    print(value, file.read_text().strip())
PYTHON

seen=$("$folder/venv/bin/python" "$folder/write.py" "$folder")
expected='12.50::DECIMAL(15,2) {"amount":12.5}
12.50::DECIMAL(16,2) {"amount":12.50}
0.0000001::DECIMAL(15,7) {"amount":1e-7}
0.0000001::DECIMAL(16,7) {"amount":0.0000001}
123456789012345::DECIMAL(15,0) {"amount":123456789012345.0}
123456789012345::DECIMAL(16,0) {"amount":123456789012345}'
printf '%s\n' "$seen"
if [[ $seen != "$expected" ]]; then
  printf 'this has changed; it was:\n%s\n' "$expected" >&2
  exit 1
fi
echo 'as described'
