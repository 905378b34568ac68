//! Says in one line what is wrong with a setting.

use thiserror::Error;

use crate::escape::escaped;

/// A wrong setting: its name, its value and what to write instead. Shown, it is one line.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{setting}{}{value}: {mend}", if setting.starts_with('-') { ' ' } else { '=' })]
pub struct SettingsError {
    setting: &'static str,
    value: String,
    mend: String,
}

impl SettingsError {
    /// Makes the error that `setting` cannot be `value`; `mend` says what is wrong and what to write. Control
    /// characters in `value` and `mend` are escaped.
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
