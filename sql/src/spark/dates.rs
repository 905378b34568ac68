//! Translates the patterns of `date_format`, which are Java's, into strftime's letters.

use crate::Ignored;

/// Returns `pattern` in strftime's letters. A pattern with a `%` has these letters already and stays as it is.
///
/// # Errors
/// Fails if the pattern has letters that are not known here. If they were passed on, the result would show the letters
/// themselves, the same for each date.
///
/// The sources are Spark's [datetime patterns](https://spark.apache.org/docs/latest/sql-ref-datetime-pattern.html) and
/// [chrono's](https://docs.rs/chrono/latest/chrono/format/strftime/).
pub(super) fn strftime(pattern: &str) -> Result<String, Ignored> {
    if pattern.contains('%') {
        return Ok(pattern.to_owned());
    }
    let mut translated = String::new();
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        if first == '\'' {
            rest = quoted(rest, &mut translated)?;
            continue;
        }
        let run = rest.len() - rest.trim_start_matches(first).len();
        let (letters, behind) = rest.split_at(run);
        translated.push_str(match letters {
            "yyyy" | "y" => "%Y",
            "yy" => "%y",
            "M" => "%-m",
            "MM" => "%m",
            "MMM" => "%b",
            "MMMM" => "%B",
            "d" => "%-d",
            "dd" => "%d",
            "D" => "%-j",
            "DDD" => "%j",
            "H" => "%-H",
            "HH" => "%H",
            "h" => "%-I",
            "hh" => "%I",
            "m" => "%-M",
            "mm" => "%M",
            "s" => "%-S",
            "ss" => "%S",
            "SSS" => "%3f",
            "SSSSSS" => "%6f",
            "a" => "%p",
            "E" | "EE" | "EEE" => "%a",
            "EEEE" => "%A",
            _ if first.is_ascii_alphabetic() => return Err(UNKNOWN),
            other => other,
        });
        rest = behind;
    }
    Ok(translated)
}

const UNKNOWN: Ignored = Ignored(
    "this pattern of date_format",
    "write it with strftime's letters, as in '%Y-%m-%dT%H:%M'",
);

/// The error for a pattern that is no literal: a pattern that is known only at run time could not be translated.
pub(super) const NO_TEXT: Ignored = Ignored(
    "a pattern of date_format that is no text",
    "write it in quotes, as in 'yyyy-MM-dd', or use to_char(t, '%Y-%m-%d')",
);

/// Appends the quoted text at the front of `rest` to `translated`, and returns what follows it. Two quotes stand for
/// one quote, inside a quoted text and outside.
fn quoted<'a>(rest: &'a str, translated: &mut String) -> Result<&'a str, Ignored> {
    let (text, behind) = rest
        .get(1..)
        .and_then(|rest| rest.split_once('\''))
        .ok_or(UNKNOWN)?;
    translated.push_str(if text.is_empty() { "'" } else { text });
    if !text.is_empty() && behind.starts_with('\'') {
        translated.push('\'');
        return quoted(behind, translated);
    }
    Ok(behind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_java_are_written_in_strftimes_letters() {
        for (java, ours) in [
            ("yyyy-MM-dd HH:mm:ss.SSS", "%Y-%m-%d %H:%M:%S.%3f"),
            ("d/M/yy", "%-d/%-m/%y"),
            ("yyyy-MM-dd'T'HH", "%Y-%m-%dT%H"),
            ("h 'o''clock' a", "%-I o'clock %p"),
            ("yyyy''MM", "%Y'%m"),
            ("EEE, dd MMM", "%a, %d %b"),
            ("%H at %M", "%H at %M"),
            ("", ""),
        ] {
            assert_eq!(strftime(java).as_deref(), Ok(ours), "{java}");
        }
        for unknown in ["yyyy-QQ", "VV", "HH'h", "yyyyy", "SSSS"] {
            assert_eq!(strftime(unknown), Err(UNKNOWN), "{unknown}");
        }
    }
}
