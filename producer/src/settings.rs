//! All settings of a run, checked once.

use thiserror::Error;

use crate::escape::escaped;
use crate::generator::GeneratorSettings;
use crate::kafka::KafkaSettings;
use crate::pace::Pace;
use crate::topic::TopicSettings;

/// A setting that is wrong: its name, its value and what to write instead, in one line.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{setting}{}{value}: {mend}", if setting.starts_with('-') { ' ' } else { '=' })]
pub struct SettingsError {
    setting: &'static str,
    value: String,
    mend: String,
}

impl SettingsError {
    /// The setting `setting` cannot be `value`; `mend` says what is wrong and what is right.
    pub fn new(setting: &'static str, value: impl AsRef<str>, mend: impl AsRef<str>) -> Self {
        Self {
            setting,
            value: escaped(value.as_ref()).into_owned(),
            mend: escaped(mend.as_ref()).into_owned(),
        }
    }
}

/// What a run publishes, where and how fast.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    /// Where brokers are and how to talk to them.
    pub kafka: KafkaSettings,
    /// Where records go.
    pub topic: TopicSettings,
    /// What decides the records.
    pub generator: GeneratorSettings,
    /// How fast they go out.
    pub pace: Pace,
    /// After how many records to end; never when `None`.
    pub count: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_whatever_the_value_is() {
        let error = SettingsError::new("TOPIC", "a\nb\u{1b}[2J", "write 'é'");
        assert_eq!(error.to_string(), r"TOPIC=a\nb\u{1b}[2J: write 'é'");
    }
}
