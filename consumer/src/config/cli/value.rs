//! Reads values of settings: texts, numbers, defaults and the environment.

use std::env;
use std::ffi::OsString;
use std::fmt::Display;
use std::str::FromStr;

use kafka_access::SettingsError;

/// All environment variables whose name and value are UTF-8.
pub(super) fn environment() -> impl Iterator<Item = (String, String)> {
    let text = |(name, value): (OsString, OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    env::vars_os().filter_map(text)
}

/// A text that may come out of a file, without blanks around it and the mark of its encoding with which some editors
/// begin one.
pub(super) fn text(value: &str) -> &str {
    value.trim_start_matches('\u{feff}').trim()
}

/// The text, or the default if the text is empty.
pub(super) fn or<'a>(text: &'a str, default: &'a str) -> &'a str {
    if text.is_empty() { default } else { text }
}

/// A number from 1 to `most`, if there is a most.
pub(super) fn number<T>(
    setting: &'static str,
    text: &str,
    most: Option<T>,
) -> Result<T, SettingsError>
where
    T: FromStr + PartialOrd + Display + From<u8>,
{
    let fits =
        |number: &T| *number >= T::from(1) && most.as_ref().is_none_or(|most| number <= most);
    text.parse().ok().filter(fits).ok_or_else(|| {
        let mend = match &most {
            Some(most) => format!("write a whole number from 1 to {most}"),
            None => "write a whole number, 1 or more".to_owned(),
        };
        SettingsError::new(setting, text, mend)
    })
}
