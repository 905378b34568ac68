//! librdkafka's properties that are a query's own: its totals, its dead letters and its reports depend on them. A user
//! who sets one is told what to do instead; any other property is the user's.

const OFFSETS: &str =
    "the query keeps its offsets beside its totals, not in the group; leave it out";
const MEMBERS: &str =
    "all members of a query's group use cooperative-sticky and the classic protocol; leave it out";
const LETTERS: &str =
    "each dead letter is acknowledged by all in-sync replicas, and may come twice; leave it out";

/// The query's own properties, each with what to do instead.
pub(super) const OWN_PROPERTIES: [(&str, &str); 11] = [
    ("group.id", "set GROUP_ID instead"),
    ("auto.offset.reset", "set STARTING_OFFSETS instead"),
    ("enable.auto.commit", OFFSETS),
    ("enable.auto.offset.store", OFFSETS),
    (
        "enable.partition.eof",
        "the query finds the ends of its partitions by itself; leave it out",
    ),
    ("partition.assignment.strategy", MEMBERS),
    ("group.protocol", MEMBERS),
    (
        "statistics.interval.ms",
        "brokers, lag and the ends of partitions are known from it; leave it out",
    ),
    ("enable.idempotence", LETTERS),
    ("acks", LETTERS),
    (
        "transactional.id",
        "dead letters are written without transactions; leave it out",
    ),
];

#[cfg(test)]
mod tests {
    use kafka_access::KafkaSettings;

    use super::*;

    fn parse(pair: &str) -> Result<KafkaSettings, String> {
        KafkaSettings::parse_beside(&OWN_PROPERTIES, "a:1", pair, [])
            .map_err(|error| error.to_string())
    }

    #[test]
    fn what_totals_depend_on_is_refused_with_what_to_do() {
        for (pair, mend) in [
            ("group.id=mine", "set GROUP_ID instead"),
            ("auto.offset.reset=latest", "set STARTING_OFFSETS instead"),
            ("enable.auto.commit=true", OFFSETS),
            ("auto.commit.enable=true", OFFSETS),
            ("enable.auto.offset.store=true", OFFSETS),
            ("enable.partition.eof=false", "the query finds the ends"),
            ("partition.assignment.strategy=range", MEMBERS),
            ("group.protocol=consumer", MEMBERS),
            ("statistics.interval.ms=0", "brokers, lag and"),
            ("enable.idempotence=false", LETTERS),
            ("request.required.acks=1", LETTERS),
            ("transactional.id=mine", "dead letters are written without"),
        ] {
            let error = parse(pair).unwrap_err();
            let start = format!("KAFKA_PROPERTIES={pair}: {mend}");
            assert!(error.starts_with(&start), "{error}");
        }
    }

    #[test]
    fn what_tunes_secures_or_isolates_is_the_users() {
        for pair in [
            "isolation.level=read_uncommitted",
            "fetch.max.bytes=1000000",
            "queued.max.messages.kbytes=1024",
            "session.timeout.ms=45000",
            "linger.ms=1",
            "client.id=mine",
            "security.protocol=ssl",
        ] {
            let (key, value) = pair.split_once('=').unwrap();
            let config = parse(pair).unwrap().client_config_over(&[(key, "ours")]);
            assert_eq!(config.get(key), Some(value));
        }
    }
}
