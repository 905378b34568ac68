//! Checks one property as a user wrote it: whether librdkafka accepts it, and otherwise an error that shows no secret.

use std::borrow::Cow;

use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaConfRes;

use super::pairs::Value;
use crate::secret::HIDDEN;
use crate::settings_error::SettingsError;

/// The second names of properties that programs here set or refuse, each with the first name. librdkafka takes both for
/// one property, so that the last value counts.
const ALIASES: [(&str, &str); 5] = [
    ("metadata.broker.list", "bootstrap.servers"),
    ("request.required.acks", "acks"),
    ("delivery.timeout.ms", "message.timeout.ms"),
    ("queue.buffering.max.ms", "linger.ms"),
    ("auto.commit.enable", "enable.auto.commit"),
];

const WRITE_PAIRS: &str = "write key=value, for instance security.protocol=ssl";
const QUOTE: &str =
    "a value with ; or a line break in it stands in quotes, as in sasl.password='a;b'";
const KEYS: &str = "librdkafka's CONFIGURATION.md lists keys and values";

/// A property as it was written, from which errors are made.
pub(super) struct Written<'a> {
    pub(super) setting: &'static str,
    /// The number of the pair in its setting, from 1 on, if the setting holds several pairs.
    pub(super) place: Option<usize>,
    pub(super) key: &'a str,
    /// Whether the pair may be the rest of a secret that was cut at a separator.
    pub(super) behind_secret: bool,
}

impl Written<'_> {
    /// Returns the property under its first name and its value, if librdkafka accepts them. Under the first name it
    /// replaces what a program would set.
    pub(super) fn check(
        &self,
        own: &[(&str, &str)],
        value: &Value<'_>,
    ) -> Result<(String, String), SettingsError> {
        let value: &str = match value {
            Value::Plain(value) => value,
            Value::Quoted(value) => value,
            Value::Missing => return Err(self.refused(None, WRITE_PAIRS)),
            Value::Unclosed => {
                let mend = format!("the quote that begins its value is not closed; {QUOTE}");
                return Err(self.refused(Some(HIDDEN), &mend));
            }
            Value::Behind => {
                let mend = "something stands behind the closing quote of its value; write \\ before a quote that is \
                            part of the value";
                return Err(self.refused(Some(HIDDEN), mend));
            }
        };
        if self.key.is_empty() {
            return Err(self.refused(None, WRITE_PAIRS));
        }
        let shown = if self.behind_secret {
            HIDDEN
        } else {
            shown(self.key, value)
        };
        let alias = ALIASES.iter().find(|(second, _)| *second == self.key);
        let first = alias.map_or(self.key, |(_, first)| first);
        let servers = ("bootstrap.servers", "set KAFKA_BOOTSTRAP_SERVERS instead");
        let mut taken = own.iter().chain([&servers]);
        if let Some((_, mend)) = taken.find(|(key, _)| *key == first) {
            return Err(self.refused(Some(shown), mend));
        }
        match librdkafka_says(self.key, value) {
            Ok(()) => Ok((first.to_owned(), value.to_owned())),
            Err((RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, reason)) => {
                // librdkafka repeats the key in its reason.
                let reason = match self.shows_key() {
                    true => reason.trim_end(),
                    false => {
                        "librdkafka has no property of this name, which may be part of a secret"
                    }
                };
                let mend = format!("{reason}; {KEYS}");
                Err(self.refused(Some(HIDDEN), &mend))
            }
            Err((_, reason)) => {
                // librdkafka repeats the value in some of its reasons.
                let reason = match shown != HIDDEN && !reason.is_empty() {
                    true => reason.trim_end(),
                    false => "librdkafka does not accept this value",
                };
                Err(self.refused(Some(shown), &format!("{reason}; {KEYS}")))
            }
        }
    }

    /// Makes the error. `value` is what is shown of the value; it is `None` when the pair has no key and value.
    fn refused(&self, value: Option<&str>, mend: &str) -> SettingsError {
        let pair = match value {
            // A pair without a value may be a secret instead of a key.
            None if !is_property(self.key) => HIDDEN.to_owned(),
            _ if !self.shows_key() => HIDDEN.to_owned(),
            Some(value) => format!("{}={value}", self.key),
            None => self.key.to_owned(),
        };
        let mend = match self.place {
            Some(place) if pair == HIDDEN => {
                Cow::Owned(format!("pair {place} cannot be: {mend}; {QUOTE}"))
            }
            _ => Cow::Borrowed(mend),
        };
        SettingsError::new(self.setting, pair, mend)
    }

    /// Returns whether the key may be shown: it is a property's, or it looks like one and cannot be the rest of a
    /// secret.
    fn shows_key(&self) -> bool {
        let is_of_name =
            |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
        let is_name = self.key.contains('.') && self.key.chars().all(is_of_name);
        is_property(self.key) || is_name && !self.behind_secret
    }
}

/// Asks librdkafka whether it accepts `value` for its property `key`; an error says why it does not.
fn librdkafka_says(key: &str, value: &str) -> Result<(), (RDKafkaConfRes, String)> {
    let mut config = ClientConfig::new();
    match config.set(key, value).create_native_config() {
        Ok(_) => Ok(()),
        Err(KafkaError::ClientConfig(code, reason, ..)) => Err((code, reason)),
        Err(_) => Err((RDKafkaConfRes::RD_KAFKA_CONF_INVALID, String::new())),
    }
}

fn is_property(key: &str) -> bool {
    // librdkafka answers "unknown" for an empty value only when it does not know the key. A key with a NUL byte is
    // none.
    let unknown = RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN;
    !key.contains('\0') && !matches!(librdkafka_says(key, ""), Err((code, _)) if code == unknown)
}

/// Returns whether a property's value is one that librdkafka, too, does not show, or looks as if it were.
pub(super) fn is_secret(key: &str) -> bool {
    let parts = [
        "pass",
        "secret",
        "pem",
        "token",
        "oauthbearer",
        "jaas",
        "username",
        "kinit.cmd",
    ];
    parts.iter().any(|part| key.contains(part))
}

/// Returns a property's value, or [`HIDDEN`] when it may be a secret or contain one: a further pair behind a comma or a
/// blank, or a user before a host.
pub(super) fn shown<'a>(key: &str, value: &'a str) -> &'a str {
    if is_secret(key) || value.contains(['=', '@']) {
        HIDDEN
    } else {
        value
    }
}
