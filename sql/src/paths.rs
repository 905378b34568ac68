//! Finds the names in a text of SQL, for messages that say why a name is not found.

use sqlparser::dialect::GenericDialect;
use sqlparser::tokenizer::{Token, Tokenizer, Whitespace};

/// Returns the paths of names in the text, as they were written: `a.b[1].c` is one path of three names. Words of SQL
/// are names, too. Returns nothing if the text cannot be read, for instance when a string has no end.
pub fn paths(text: &str) -> Vec<Vec<String>> {
    let tokens = Tokenizer::new(&GenericDialect {}, text).tokenize();
    let is_blank = |token: &Token| {
        matches!(
            token,
            Token::Whitespace(Whitespace::Space | Whitespace::Tab | Whitespace::Newline)
        )
    };
    let mut paths: Vec<Vec<String>> = Vec::new();
    // Whether the next name belongs to the last path, and how many brackets are open.
    let (mut goes_on, mut open) = (false, 0_usize);
    let tokens = tokens.unwrap_or_default();
    for token in tokens.into_iter().filter(|token| !is_blank(token)) {
        match token {
            Token::LBracket => open += 1,
            Token::RBracket => open = open.saturating_sub(1),
            _ if open > 0 => {}
            Token::Word(word) => match paths.last_mut() {
                Some(path) if goes_on => path.push(word.value),
                _ => paths.push(vec![word.value]),
            },
            Token::Period => {
                goes_on = true;
                continue;
            }
            _ => {}
        }
        goes_on = false;
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::paths;

    #[test]
    fn names_are_found_with_what_is_in_them() {
        let text = "SELECT t.a.\"B c\", d[1].e FROM t -- f.g\nWHERE 'h.i' <> `j`";
        assert_eq!(
            paths(text),
            [
                &["SELECT"][..],
                &["t", "a", "B c"],
                &["d", "e"],
                &["FROM"],
                &["t"],
                &["WHERE"],
                &["j"],
            ]
        );
        assert!(paths("SELECT 'a").is_empty());
    }
}
