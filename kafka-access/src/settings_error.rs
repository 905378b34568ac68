//! What is wrong with a setting.

use thiserror::Error;

use crate::escape::escaped;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_whatever_the_value_is() {
        let error = SettingsError::new("TOPIC", "a\nb\u{1b}[2J", "write 'é'");
        assert_eq!(error.to_string(), r"TOPIC=a\nb\u{1b}[2J: write 'é'");
    }
}
