"""Measures what Kafka can deliver: librdkafka reads, and nothing else is done."""

from engines.cardstream import build, target
from harness.brokers import REPOSITORY, clean_environment

# The values that our consumer sets. By default librdkafka waits a second whenever its queue is full.
SETTINGS = ["-X", "fetch.queue.backoff.ms=1", "-X", "queued.max.messages.kbytes=2048"]


class Limit:
    """One librdkafka consumer, with our settings or with its defaults."""

    product = "librdkafka"
    tasks = {"totals"}

    def __init__(self, defaults=False):
        self.name = "limit-defaults" if defaults else "limit"
        self.title = "librdkafka reading only" + (", defaults" if defaults else "")
        self._settings = [] if defaults else SETTINGS

    def prepare(self, _folder):
        build("--example", "read_only")

    def version(self):
        lock = (REPOSITORY / "Cargo.lock").read_text(encoding="utf-8")
        # `4.10.0+2.12.1`: the crate's version and that of the librdkafka in it.
        found = lock.split('name = "rdkafka-sys"\nversion = "')[1]
        return found.split('"')[0].partition("+")[2]

    def command(self, task, servers, _scratch):
        program = target() / "release" / "examples" / "read_only"
        environment = clean_environment() | {"KAFKA_BOOTSTRAP_SERVERS": servers}
        return [program, task.topic, *self._settings], environment
