//! Hides secrets, and whatever may be a piece of one, in texts that are shown.
//!
//! A value that may be secret is a [`Secret`], which `Debug` does not show. A text from librdkafka or from the client
//! of an object store goes through [`concealed`] on its way to a person or a log.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::fmt;
use std::ops::Deref;

/// The text that is shown in place of a secret.
pub const HIDDEN: &str = "***";

/// The property whose value librdkafka repeats, in parts and in many wordings, when it cannot read it.
const REPEATED: &str = "sasl.oauthbearer.config";

/// The schemes of URLs in which the name before the `@` is a container, not a user.
const CONTAINERS: [&str; 5] = ["az", "azure", "abfs", "abfss", "adl"];

/// A setting as a user wrote it, which may hold a secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl Deref for Secret {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "\"\"" } else { HIDDEN })
    }
}

/// Values that must not be shown, whoever repeats them in a text.
#[derive(Clone, Default)]
pub struct Secrets(Vec<String>);

impl Secrets {
    /// The fewest bytes of a secret. A shorter value would be found in every text.
    const LEAST: usize = 4;

    /// Collects the secrets among `values`. Values that are too short are left out.
    pub fn new<'a>(values: impl IntoIterator<Item = &'a str>) -> Self {
        let is_long = |value: &&str| value.len() >= Self::LEAST;
        let values = values.into_iter().filter(is_long).map(str::to_owned);
        let mut values: Vec<String> = values.collect();
        // Longer secrets are replaced first: replacing a secret that is part of another one would leave the rest of the
        // longer one.
        values.sort_by_key(|value| Reverse(value.len()));
        Self(values)
    }

    /// Returns `text` without these secrets, and without those that [`concealed`] finds.
    pub fn concealed(&self, text: &impl fmt::Display) -> String {
        let text = text.to_string();
        let text = self
            .0
            .iter()
            .fold(text, |text, secret| match text.contains(secret) {
                true => text.replace(secret, HIDDEN),
                false => text,
            });
        concealed(&text).into_owned()
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} secrets", self.0.len())
    }
}

/// Returns `text` without the users and passwords of URLs, and without what librdkafka repeats of a token's settings.
pub fn concealed(text: &str) -> Cow<'_, str> {
    let text = match text.find(REPEATED) {
        Some(at) if text.len() > at + REPEATED.len() => {
            let kept = &text[..at + REPEATED.len()];
            Cow::Owned(format!("{kept} ({HIDDEN})"))
        }
        _ => Cow::Borrowed(text),
    };
    match text.contains('@') && text.contains("://") {
        true => Cow::Owned(without_users(&text)),
        false => text,
    }
}

/// Replaces the users and passwords of all URLs in `text`.
fn without_users(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, behind) = rest.split_at(at + 3);
        out.push_str(before);
        let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '`');
        let (url, left) = behind.split_at(behind.find(ends).unwrap_or(behind.len()));
        // A secret may contain a slash, so everything between `://` and the last `@` may be one. A URL that begins with
        // a slash is a path and has no host or user.
        match url.rfind('@') {
            Some(user) if !url.starts_with('/') && !is_container(before, &url[..user]) => {
                out.push_str(HIDDEN);
                out.push_str(&url[user..]);
            }
            _ => out.push_str(url),
        }
        rest = left;
    }
    out.push_str(rest);
    out
}

/// Returns whether `user` names a container of a URL whose scheme ends the text `before`.
fn is_container(before: &str, user: &str) -> bool {
    let scheme = before.strip_suffix("://").unwrap_or(before);
    let start = scheme.rfind(|c: char| !c.is_ascii_alphanumeric());
    let scheme = &scheme[start.map_or(0, |at| at + 1)..];
    CONTAINERS.contains(&scheme) && !user.contains([':', '/'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        let secret = Secret::from("hunter2".to_owned());
        assert_eq!(format!("{secret:?}"), "***");
        assert_eq!(&*secret, "hunter2");
    }

    #[test]
    fn values_that_are_known_to_be_secret_are_not_shown() {
        let secrets = Secrets::new(["hunter2", "key"]);
        let text = "the key hunter2 at http://a:b@host is hunter2's";
        assert_eq!(
            secrets.concealed(&text),
            "the key *** at http://***@host is ***'s"
        );
        assert_eq!(format!("{secrets:?}"), "1 secrets");
        let secrets = Secrets::new(["hunter", "hunter2/more"]);
        assert_eq!(secrets.concealed(&"hunter2/more, hunter"), "***, ***");
    }

    #[test]
    fn users_and_passwords_of_urls_are_not_shown() {
        for (text, shown) in [
            (
                "GET http://key:se/cr@et@host:9000/x?y failed",
                "GET http://***@host:9000/x?y failed",
            ),
            ("url (s3://token@bucket/x)", "url (s3://***@bucket/x)"),
            ("a://b:c@d then e://f:g@h", "a://***@d then e://***@h"),
            ("az://container@account/x", "az://container@account/x"),
            ("az://container:key@account/x", "az://***@account/x"),
            ("file:///data/me@home/x", "file:///data/me@home/x"),
            ("somebody@example.com", "somebody@example.com"),
        ] {
            assert_eq!(concealed(text), shown);
        }
    }

    #[test]
    fn what_librdkafka_repeats_of_a_tokens_settings_is_not_shown() {
        let text =
            "Failed to acquire token: Unrecognized sasl.oauthbearer.config beginning at: hunter2";
        assert_eq!(
            concealed(text),
            "Failed to acquire token: Unrecognized sasl.oauthbearer.config (***)"
        );
    }
}
