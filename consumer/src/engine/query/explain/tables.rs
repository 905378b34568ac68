//! The names of tables, which are topics: how to write one, and which name lacks its quotes.

use sqlparser::dialect::GenericDialect;
use sqlparser::keywords::RESERVED_FOR_IDENTIFIER;
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

/// Returns a topic's name as it is written after FROM.
pub(in crate::engine::query) fn written(name: &str) -> String {
    let is_letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    let is_plain =
        name.starts_with(is_letter) && name.chars().all(|c| is_letter(c) || c.is_ascii_digit());
    let is_reserved = RESERVED_FOR_IDENTIFIER
        .iter()
        .any(|word| format!("{word:?}").eq_ignore_ascii_case(name));
    match is_plain && !is_reserved {
        true => name.to_owned(),
        false => format!("\"{name}\""),
    }
}

/// Returns the text about a name that lacks its quotes.
pub(super) fn wants_quotes(name: &str) -> String {
    format!(
        "a name with other characters than letters, digits and _ stands in double quotes: FROM \"{name}\""
    )
}

/// A name after a FROM of the query that lacks the quotes which the parser needs, with the places where it begins and
/// ends.
pub(super) struct Unquoted {
    pub(super) name: String,
    from: Location,
    to: Location,
}

impl Unquoted {
    /// Returns whether a place in the query, such as `1, Column: 26`, is in the name.
    pub(super) fn has(&self, place: &str) -> bool {
        let place = place.split_once(", Column: ").and_then(|(line, column)| {
            Some(Location::new(line.parse().ok()?, column.parse().ok()?))
        });
        place.is_some_and(|place| self.from <= place && place <= self.to)
    }
}

/// Returns all such names in `query`.
pub(super) fn unquoted(query: &str) -> Vec<Unquoted> {
    let tokens = Tokenizer::new(&GenericDialect {}, query).tokenize_with_location();
    let tokens = tokens.unwrap_or_default();
    let mut found = Vec::new();
    let mut rest = tokens.as_slice();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        let is_from = matches!(&first.token, Token::Word(word) if word.quote_style.is_none()
            && (word.value.eq_ignore_ascii_case("from") || word.value.eq_ignore_ascii_case("join")));
        if !is_from {
            continue;
        }
        let start = rest.iter().take_while(|token| is_blank(token)).count();
        let name = &rest[start..];
        let end = name.iter().take_while(|token| is_in_a_name(token)).count();
        if let [first, .., last] = &name[..end] {
            found.push(Unquoted {
                name: name[..end]
                    .iter()
                    .map(|token| token.token.to_string())
                    .collect(),
                from: first.span.start,
                to: last.span.end,
            });
        }
    }
    found
}

fn is_blank(token: &TokenWithSpan) -> bool {
    matches!(token.token, Token::Whitespace(_))
}

fn is_in_a_name(token: &TokenWithSpan) -> bool {
    match &token.token {
        Token::Word(word) => word.quote_style.is_none(),
        Token::Number(..) | Token::Minus | Token::Period => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{unquoted, written};

    #[test]
    fn a_name_is_quoted_where_it_must_be() {
        for (name, expected) in [
            ("transactions", "transactions"),
            ("Orders_2", "Orders_2"),
            ("orders.v1", "\"orders.v1\""),
            ("card-transactions", "\"card-transactions\""),
            ("2024_orders", "\"2024_orders\""),
        ] {
            assert_eq!(written(name), expected);
        }
    }

    #[test]
    fn names_of_several_words_are_found_behind_from() {
        let names = |query: &str| -> Vec<String> {
            unquoted(query)
                .into_iter()
                .map(|found| found.name)
                .collect()
        };
        assert_eq!(names("SELECT a-b FROM c-d.e-1 t"), ["c-d.e-1"]);
        assert_eq!(
            names("SELECT 'from a-b'\nfrom\n  a.v1 JOIN \"x-y\""),
            ["a.v1"]
        );
        assert_eq!(names("SELECT a FROM b WHERE c-d > 1"), [""; 0]);
    }
}
