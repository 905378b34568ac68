"""Lists the engines; each has a file or a folder.

An engine has a `name`, for `--engines`; a `title`, for the report; the `product` and its `version`, for the report too;
`tasks`, the kinds that it can do; `prepare`, which brings what it needs or raises `Missing`; and `command`, the program
for a task with its environment. One that can do `live` has a `pause`: how many milliseconds lie between a burst of
records and the next one, which is longer than a batch takes.
"""

from engines.bytewax import Bytewax
from engines.cardstream import Cardstream
from engines.flink import Flink
from engines.limit import Limit
from engines.pathway import Pathway
from engines.spark import Spark

ALL = [
    Cardstream(workers=1),
    Cardstream(workers=2),
    Cardstream(workers=1, checkpoints=True),
    Limit(),
    Limit(defaults=True),
    Spark(),
    Flink(),
    Bytewax(),
    Pathway(),
]
