//! Reads how to reach Kafka: bootstrap servers and librdkafka properties, in the same form for every program.
//!
//! Properties are checked one by one where they enter, so that an error names the wrong one. A program sets the
//! properties on which its promises rest itself, and refuses them from users. What may be a secret, or a piece of one,
//! is never shown, neither in errors nor by `Debug`: a password may have been cut at a `;`, and then the text behind it
//! is no property. What librdkafka logs becomes a `tracing` event with the target `librdkafka`.

mod pairs;
mod written;

use std::fmt;
use std::net::Ipv6Addr;
use std::sync::{Mutex, PoisonError};

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::KafkaError;

use self::pairs::{Pairs, Value};
use self::written::{Written, is_secret, shown};
use crate::secret::{HIDDEN, concealed};
use crate::settings_error::SettingsError;

/// Where brokers are when no setting says it.
pub const DEFAULT_BOOTSTRAP_SERVERS: &str = "localhost:9092";

/// The protocols that may stand before a broker's address.
const PROTOCOLS: [&str; 4] = ["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"];

/// The bootstrap servers and librdkafka properties, which are checked.
#[derive(Clone, PartialEq, Eq)]
pub struct KafkaSettings {
    bootstrap_servers: String,
    properties: Vec<(String, String)>,
}

impl Default for KafkaSettings {
    fn default() -> Self {
        Self {
            bootstrap_servers: DEFAULT_BOOTSTRAP_SERVERS.to_owned(),
            properties: Vec::new(),
        }
    }
}

impl fmt::Debug for KafkaSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self
            .properties
            .iter()
            .map(|(key, value)| (key, shown(key, value)));
        f.debug_struct("KafkaSettings")
            .field("bootstrap_servers", &self.bootstrap_servers)
            .field("properties", &shown.collect::<Vec<_>>())
            .finish()
    }
}

impl KafkaSettings {
    /// Reads what a user wrote: KAFKA_BOOTSTRAP_SERVERS, KAFKA_PROPERTIES (`key=value` pairs separated by `;` or line
    /// breaks; a value with either stands in quotes) and each `-X key=value`. These flags come last and win.
    ///
    /// # Errors
    /// Fails when a broker's address or a pair cannot be read, or when librdkafka does not know a key or does not
    /// accept its value.
    pub fn parse(
        bootstrap_servers: &str,
        properties: &str,
        overrides: &[String],
    ) -> Result<Self, SettingsError> {
        let overrides = overrides.iter().map(String::as_str);
        Self::parse_beside(&[], bootstrap_servers, properties, overrides)
    }

    /// Does the same as [`parse`](Self::parse) for a program that sets the properties `own` itself. Each of these has
    /// the advice for a user who sets it.
    ///
    /// # Errors
    /// Fails when [`parse`](Self::parse) would fail, and when a user sets one of `own`.
    pub fn parse_beside<'a>(
        own: &[(&str, &str)],
        bootstrap_servers: &str,
        properties: &str,
        overrides: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, SettingsError> {
        let mut checked = Vec::new();
        let mut behind_secret = false;
        for (pair, place) in Pairs::of(properties).zip(1..) {
            let written = Written {
                setting: "KAFKA_PROPERTIES",
                place: Some(place),
                key: pair.key,
                behind_secret,
            };
            // A value in quotes has a clear end, so it is not cut at a separator.
            behind_secret |= is_secret(pair.key) && !matches!(pair.value, Value::Quoted(_));
            checked.push(written.check(own, &pair.value)?);
        }
        for pair in overrides {
            let (key, value) = match pair.split_once('=') {
                Some((key, value)) => (key.trim(), Value::Plain(value.trim())),
                None => (pair.trim(), Value::Missing),
            };
            let written = Written {
                setting: "-X",
                place: None,
                key,
                behind_secret: false,
            };
            checked.push(written.check(own, &value)?);
        }
        Ok(Self {
            bootstrap_servers: check_servers(bootstrap_servers.trim())?,
            properties: checked,
        })
    }

    /// Returns the brokers to ask first: `host:port`, separated by commas.
    pub fn bootstrap_servers(&self) -> &str {
        &self.bootstrap_servers
    }

    /// Returns a client configuration with these settings alone.
    pub fn client_config(&self) -> ClientConfig {
        self.client_config_over(&[])
    }

    /// Returns a client configuration with `defaults`, which the user's properties override.
    pub fn client_config_over(&self, defaults: &[(&str, &str)]) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.bootstrap_servers);
        config.set("client.id", "cardstream");
        // The default is ten seconds, which is a long time to wait for brokers that are back already.
        config.set("reconnect.backoff.max.ms", "2000");
        for (key, value) in defaults {
            config.set(*key, *value);
        }
        for (key, value) in &self.properties {
            config.set(key, value);
        }
        config.set_log_level(log_level());
        config
    }
}

/// Checks the brokers' addresses, `host:port`, separated by commas. librdkafka takes the port 9092 when there is none,
/// and would pass over whatever else it cannot read.
fn check_servers(servers: &str) -> Result<String, SettingsError> {
    const NAME: &str = "KAFKA_BOOTSTRAP_SERVERS";
    // Text with other characters may be a user's name and password, or properties, so it is not shown.
    let is_shown = |c: char| c.is_alphanumeric() || c == ' ' || ".-_:,/[]%".contains(c);
    if !servers.chars().all(is_shown) {
        let mend = "brokers are host:port, several separated by commas, and nothing else; a user and a password are the \
                    properties sasl.username and sasl.password";
        return Err(SettingsError::new(NAME, HIDDEN, mend));
    }
    match servers.split(',').find(|server| !is_server(server.trim())) {
        None => Ok(servers.to_owned()),
        Some(wrong) => Err(SettingsError::new(
            NAME,
            servers,
            format!(
                "'{}' is not host:port; name at least one broker, several separated by commas",
                wrong.trim()
            ),
        )),
    }
}

fn is_server(server: &str) -> bool {
    let address = match server.split_once("://") {
        None => server,
        Some((protocol, address)) => {
            if !PROTOCOLS.contains(&protocol.to_ascii_lowercase().as_str()) {
                return false;
            }
            address
        }
    };
    if is_ipv6(address) {
        return true;
    }
    let (host, port) = address.rsplit_once(':').unwrap_or((address, "9092"));
    let is_host = match host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
        Some(host) => is_ipv6(host),
        None => !host.contains(|c: char| c.is_whitespace() || "/:[]".contains(c)),
    };
    is_host && !host.is_empty() && port.parse().is_ok_and(|port: u16| port > 0)
}

/// Returns whether `host` is an IPv6 address. Its zone, as in `fe80::1%eth0`, may be any text.
fn is_ipv6(host: &str) -> bool {
    let address = host.split_once('%').map_or(host, |(address, _)| address);
    address.parse::<Ipv6Addr>().is_ok()
}

fn log_level() -> RDKafkaLogLevel {
    if tracing::enabled!(target: "librdkafka", tracing::Level::DEBUG) {
        RDKafkaLogLevel::Debug
    } else if tracing::enabled!(target: "librdkafka", tracing::Level::INFO) {
        RDKafkaLogLevel::Info
    } else if tracing::enabled!(target: "librdkafka", tracing::Level::WARN) {
        RDKafkaLogLevel::Warning
    } else {
        RDKafkaLogLevel::Error
    }
}

/// Turns a line of librdkafka's log into a `tracing` event. A [`ClientContext`]'s `log` calls it.
pub fn log_to_tracing(level: RDKafkaLogLevel, facility: &str, message: &str) {
    let message = concealed(message);
    match level {
        RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error => tracing::error!(target: "librdkafka", facility, "{message}"),
        RDKafkaLogLevel::Warning => tracing::warn!(target: "librdkafka", facility, "{message}"),
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
            tracing::info!(target: "librdkafka", facility, "{message}");
        }
        RDKafkaLogLevel::Debug => tracing::debug!(target: "librdkafka", facility, "{message}"),
    }
}

/// Turns an error that librdkafka reports into a `tracing` event. A [`ClientContext`]'s `error` calls it.
pub fn error_to_tracing(error: &KafkaError, reason: &str) {
    let reason = concealed(reason);
    tracing::debug!(target: "librdkafka", %error, "{reason}");
}

/// A client's context that logs to `tracing` and remembers the last error, so that a message can say why brokers do not
/// answer.
#[derive(Debug, Default)]
pub struct Attentive {
    last_error: Mutex<Option<String>>,
}

impl Attentive {
    /// Returns the last error that librdkafka reported.
    pub fn last_error(&self) -> Option<String> {
        self.last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl ClientContext for Attentive {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log_to_tracing(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        error_to_tracing(&error, reason);
        // The error that all brokers are down is a summary; the error before it says why.
        if is_all_down(&error) && self.last_error().is_some() {
            return;
        }
        let mut last = self
            .last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *last = Some(readable(reason));
    }
}

/// Returns whether the error says that all brokers are down.
pub fn is_all_down(error: &KafkaError) -> bool {
    use rdkafka::types::RDKafkaErrorCode::AllBrokersDown;
    error.rdkafka_error_code() == Some(AllBrokersDown)
}

/// Returns the reason without the client's name in front (`cardstream#producer-1]: `), without the timing behind it,
/// and without secrets.
pub fn readable(reason: &str) -> String {
    let start = reason.rfind("]: ").map_or(0, |at| at + 3);
    let reason = &reason[start..];
    let end = reason.rfind(" (after ").unwrap_or(reason.len());
    concealed(&reason[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(properties: &str, overrides: &[&str]) -> String {
        let overrides: Vec<String> = overrides.iter().map(|&pair| pair.to_owned()).collect();
        KafkaSettings::parse("localhost:9092", properties, &overrides)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn pairs_are_separated_by_semicolons_or_line_breaks() {
        let settings =
            KafkaSettings::parse("a:1,b:2", "linger.ms=3; acks=all\nclient.id=x\n", &[]).unwrap();
        let config = settings.client_config();
        assert_eq!(config.get("linger.ms"), Some("3"));
        assert_eq!(config.get("acks"), Some("all"));
        assert_eq!(config.get("client.id"), Some("x"));
        assert_eq!(config.get("bootstrap.servers"), Some("a:1,b:2"));
    }

    #[test]
    fn a_flag_wins_over_the_environment_and_both_over_defaults() {
        let settings =
            KafkaSettings::parse("a:1", "linger.ms=3", &["linger.ms=4".to_owned()]).unwrap();
        let config = settings.client_config_over(&[("linger.ms", "20"), ("acks", "all")]);
        assert_eq!(config.get("linger.ms"), Some("4"));
        assert_eq!(config.get("acks"), Some("all"));
    }

    #[test]
    fn an_unknown_key_is_named() {
        let message = error("", &["linger.mss=3"]);
        assert!(
            message.starts_with("-X linger.mss=***: No such configuration property"),
            "{message}"
        );
    }

    #[test]
    fn a_wrong_value_is_named() {
        let message = error("acks=perhaps", &[]);
        assert!(
            message.starts_with("KAFKA_PROPERTIES=acks=perhaps: "),
            "{message}"
        );
    }

    #[test]
    fn a_pair_without_key_or_equals_sign_is_refused() {
        for pair in ["linger.ms", "=3", ""] {
            assert!(error("", &[pair]).contains("write key=value"), "{pair}");
        }
    }

    #[test]
    fn bootstrap_servers_have_one_place() {
        for key in ["bootstrap.servers", "metadata.broker.list"] {
            let message = error("", &[&format!("{key}=x:1")]);
            assert_eq!(
                message,
                format!("-X {key}=x:1: set KAFKA_BOOTSTRAP_SERVERS instead")
            );
        }
    }

    #[test]
    fn a_property_of_the_programs_own_is_refused_under_either_name() {
        let own = [("acks", "leave it out")];
        for key in ["acks", "request.required.acks"] {
            let pair = format!("{key}=1");
            let error = KafkaSettings::parse_beside(&own, "a:1", &pair, []).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("KAFKA_PROPERTIES={key}=1: leave it out")
            );
        }
        assert!(KafkaSettings::parse_beside(&own, "a:1", "linger.ms=1", []).is_ok());
    }

    #[test]
    fn a_property_under_its_second_name_overrides_a_default_under_its_first() {
        let settings = KafkaSettings::parse("a:1", "queue.buffering.max.ms=3", &[]).unwrap();
        let config = settings.client_config_over(&[("linger.ms", "20")]);
        assert_eq!(config.get("linger.ms"), Some("3"));
        assert_eq!(config.get("queue.buffering.max.ms"), None);
    }

    #[test]
    fn brokers_are_hosts_with_or_without_port_and_protocol() {
        for servers in [
            "kafka",
            "kafka_1:9092, kafka-2.example.com:9093",
            "127.0.0.1:65535",
            "[::1]:9092,::1,[fe80::1%eth0]:9092",
            "SASL_SSL://kafka:9092",
        ] {
            let settings = KafkaSettings::parse(servers, "", &[]);
            assert_eq!(settings.unwrap().bootstrap_servers(), servers);
        }
    }

    #[test]
    fn what_is_no_broker_is_named() {
        for (servers, wrong) in [
            ("", ""),
            (",", ""),
            ("a:1,", ""),
            (":9092", ":9092"),
            ("a:1,b c:2", "b c:2"),
            ("a:0", "a:0"),
            ("a:65536", "a:65536"),
            ("a:port", "a:port"),
            ("a:b:1", "a:b:1"),
            ("[a]:1", "[a]:1"),
            ("a:1/topic", "a:1/topic"),
            ("http://a:1", "http://a:1"),
        ] {
            let error = KafkaSettings::parse(servers, "", &[]).unwrap_err();
            let start = format!("KAFKA_BOOTSTRAP_SERVERS={servers}: '{wrong}' is not host:port; ");
            assert!(error.to_string().starts_with(&start), "{error}");
        }
    }

    #[test]
    fn a_user_and_a_password_among_brokers_are_not_shown() {
        for servers in ["u:hunter2@a:1", "hunter2@a:1", "a:1;sasl.password=hunter2"] {
            let error = KafkaSettings::parse(servers, "", &[])
                .unwrap_err()
                .to_string();
            assert!(
                error.starts_with("KAFKA_BOOTSTRAP_SERVERS=***: brokers are host:port"),
                "{error}"
            );
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let settings = KafkaSettings::parse("a:1", "sasl.password=hunter2", &[]).unwrap();
        assert!(!format!("{settings:?}").contains("hunter2"));
        assert!(!error("", &["ssl.key.passwrd=hunter2"]).contains("hunter2"));
        for further in [
            "security.protocol=sasl_ssl,sasl.password=hunter2",
            "security.protocol=sasl_ssl sasl.password=hunter2",
            "bootstrap.servers=user:hunter2@host:1",
        ] {
            assert!(!error(further, &[]).contains("hunter2"), "{further}");
            assert!(!error("", &[further]).contains("hunter2"), "{further}");
        }
    }

    #[test]
    fn what_follows_a_secret_that_was_cut_is_not_shown() {
        for (properties, message) in [
            (
                "sasl.password=a;hunter2",
                "KAFKA_PROPERTIES=***: pair 2 cannot be: write key=value, for instance security.protocol=ssl; a value \
                 with ; or a line break in it stands in quotes, as in sasl.password='a;b'",
            ),
            (
                "sasl.password=a;hunter2.x=b",
                "KAFKA_PROPERTIES=***: pair 2 cannot be: librdkafka has no property of this name, which may be part of \
                 a secret; librdkafka's CONFIGURATION.md lists keys and values; a value with ; or a line break in it \
                 stands in quotes, as in sasl.password='a;b'",
            ),
            (
                "sasl.password=a;fetch.min.bytes=hunter2",
                "KAFKA_PROPERTIES=fetch.min.bytes=***: librdkafka does not accept this value; librdkafka's \
                 CONFIGURATION.md lists keys and values",
            ),
            (
                "client.id=a;sasl.password='hunter2",
                "KAFKA_PROPERTIES=sasl.password=***: the quote that begins its value is not closed; a value with ; or \
                 a line break in it stands in quotes, as in sasl.password='a;b'",
            ),
        ] {
            assert_eq!(error(properties, &[]), message);
        }
    }

    #[test]
    fn what_follows_a_secret_in_quotes_is_shown() {
        let message = error("sasl.password='a;b';fetch.min.bytes=many", &[]);
        assert!(
            message.starts_with("KAFKA_PROPERTIES=fetch.min.bytes=many: Invalid value"),
            "{message}"
        );
    }

    #[test]
    fn a_secret_in_quotes_is_librdkafkas_without_them() {
        let text = "sasl.username=u;sasl.password=\"a;b'\\\"c\";linger.ms=3";
        let config = KafkaSettings::parse("a:1", text, &[])
            .unwrap()
            .client_config();
        assert_eq!(config.get("sasl.password"), Some("a;b'\"c"));
        assert_eq!(config.get("linger.ms"), Some("3"));
    }

    #[test]
    fn a_reason_is_shown_without_client_and_timing() {
        let reason = "127.0.0.1:9/bootstrap: Connect to ipv4#127.0.0.1:9 failed: Connection \
                      refused (after 0ms in state CONNECT)";
        assert_eq!(
            readable(reason),
            "127.0.0.1:9/bootstrap: Connect to ipv4#127.0.0.1:9 failed: Connection refused"
        );
    }
}
