#!/usr/bin/env bash
# DataFusion 55.0.0: whether `x <> 0 AND 100 / x > 1` fails depends on how many other rows of the batch have x = 0.
#
# The right side of AND is computed only for the rows that the left side has let through where these are at most a fifth
# of a batch, and for all rows of the batch where they are more. So one row with x = 0 divides by zero or does not,
# by its neighbours. The same data in other batches, and so another batch size, partition or file, can end a query that
# ran before. CASE WHEN x <> 0 THEN 100 / x > 1 ELSE false END is no way around it, since the optimizer makes the same AND
# of it; a CASE that gives the quotient is.
#
# Needs Python 3 with venv. Fails if the output is another one.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check datafusion==55.0.0 pyarrow==26.0.1

cat >"$folder/count.py" <<'PYTHON'
import pyarrow
from datafusion import SessionContext


def count(zeros, sevens, condition):
    column = pyarrow.array([0] * zeros + [7] * sevens, pyarrow.int64())
    batch = pyarrow.RecordBatch.from_arrays([column], names=["x"])
    context = SessionContext()
    context.register_record_batches("t", [[batch]])
    try:
        found = context.sql(f"SELECT count(*) FROM t WHERE {condition}").collect()
    except Exception as error:
        return "fails" if "Divide by zero" in str(error) else repr(error)
    return found[0].column(0)[0].as_py()


for condition in (
    "x <> 0 AND 100 / x > 1",
    "CASE WHEN x <> 0 THEN 100 / x > 1 ELSE false END",
    "CASE WHEN x <> 0 THEN 100 / x END > 1",
):
    print(condition)
    for sevens in (1, 2, 3, 9):
        print(f"  {sevens} of 10 are not 0:", count(10 - sevens, sevens, condition))
PYTHON

seen=$("$folder/venv/bin/python" "$folder/count.py")
expected='x <> 0 AND 100 / x > 1
  1 of 10 are not 0: 1
  2 of 10 are not 0: 2
  3 of 10 are not 0: fails
  9 of 10 are not 0: fails
CASE WHEN x <> 0 THEN 100 / x > 1 ELSE false END
  1 of 10 are not 0: 1
  2 of 10 are not 0: 2
  3 of 10 are not 0: fails
  9 of 10 are not 0: fails
CASE WHEN x <> 0 THEN 100 / x END > 1
  1 of 10 are not 0: 1
  2 of 10 are not 0: 2
  3 of 10 are not 0: 3
  9 of 10 are not 0: 9'
printf '%s\n' "$seen"
if [[ $seen != "$expected" ]]; then
  printf 'this has changed; it was:\n%s\n' "$expected" >&2
  exit 1
fi
echo 'as described'
