#!/usr/bin/env bash
# DataFusion 55.0.0: generate_series of timestamps outside the years 1677 to 2262 is NULL, without an error.
#
# The series is made in nanoseconds, also where the ends are timestamps in microseconds, which reach much further. Ends
# that nanoseconds cannot hold give NULL in place of a list. The same days as DATE give the series.
#
# Needs Python 3 with venv. Fails if the output is another one.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check datafusion==55.0.0 pyarrow==26.0.1

cat >"$folder/series.py" <<'PYTHON'
from datafusion import SessionContext

context = SessionContext()
micros = "arrow_cast('{}', 'Timestamp(Microsecond, None)')"
for kind, end in (("timestamps", micros), ("dates", "DATE '{}'")):
    for year in (2261, 2263):
        ends = ", ".join(end.format(f"{year}-12-{day}") for day in (30, 31))
        found = context.sql(f"SELECT generate_series({ends}, INTERVAL '1 day')").collect()
        days = found[0].column(0).to_pylist()[0]
        print(f"{kind} of {year}:", days and [day.isoformat() for day in days])
PYTHON

seen=$("$folder/venv/bin/python" "$folder/series.py")
expected="timestamps of 2261: ['2261-12-30T00:00:00', '2261-12-31T00:00:00']
timestamps of 2263: None
dates of 2261: ['2261-12-30', '2261-12-31']
dates of 2263: ['2263-12-30', '2263-12-31']"
printf '%s\n' "$seen"
if [[ $seen != "$expected" ]]; then
  printf 'this has changed; it was:\n%s\n' "$expected" >&2
  exit 1
fi
echo 'as described'
