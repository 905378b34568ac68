//! Removes inner structures from an error's text: values as Rust shows them, and plans as DataFusion shows them.
//!
//! They are of no use to the author of a query, and they can be pages long. So a text ends where the first of them
//! begins.

/// The names of a plan's nodes, as they stand in its text.
const NODES: [&str; 8] = [
    "Projection: ",
    "TableScan: ",
    "SubqueryAlias: ",
    "Aggregate: groupBy=",
    "WindowAggr: ",
    "Filter: ",
    "EmptyRelation: ",
    "Sort: ",
];

/// Returns `text` up to the first structure in it. Text in quotes belongs to the user or to a record, and is not
/// searched.
pub(super) fn without(text: &str) -> String {
    let outside = outside_of_quotes(text);
    let nodes = NODES.iter().filter_map(|node| outside.find(node));
    let Some(start) = nodes.chain(value(&outside)).min() else {
        return text.to_owned();
    };
    let told = text[..start].trim_end_matches([' ', ':', ',', '(', '[', '\n']);
    format!("{told} …")
}

/// Returns the same text with blanks in place of everything in quotes.
fn outside_of_quotes(text: &str) -> String {
    let (mut quote, mut before) = (None, ' ');
    text.chars()
        .flat_map(|c| {
            let is_inside = quote.is_some();
            // A mark inside a word such as doesn't does not begin a quotation.
            let begins = !std::mem::replace(&mut before, c).is_alphanumeric();
            match quote {
                None if begins && matches!(c, '\'' | '"' | '`') => quote = Some(c),
                Some(open) if open == c => quote = None,
                _ => {}
            }
            let shown = if is_inside { ' ' } else { c };
            let blanks = if is_inside { c.len_utf8() } else { 1 };
            std::iter::repeat_n(shown, blanks)
        })
        .collect()
}

/// Returns where a value begins, such as `Word(Word { value: …` or `Some(…`.
fn value(text: &str) -> Option<usize> {
    let fields = text.match_indices(" { ").map(|(at, _)| at).find(|&at| {
        let behind =
            text[at + 3..].trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
        behind.starts_with(": ") && text[..at].ends_with(|c: char| c.is_ascii_alphanumeric())
    });
    let some = ["Some(", "[Some(", "(None", " None,"].iter();
    let some = some.filter_map(|start| text.find(start));
    let start = some.chain(fields).min()?;
    // The names of the structures around the value are cut off, too.
    let is_in_it = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '(' | '[' | ':');
    let before = text[..start].trim_end_matches(is_in_it);
    Some(before.len())
}

#[cfg(test)]
mod tests {
    use super::without;

    #[test]
    fn a_text_ends_before_a_value_or_a_plan() {
        for (text, expected) in [
            (
                "Physical plan does not support logical expression WindowFunction(WindowFunction { fun: A(B { x: 1 }) })",
                "Physical plan does not support logical expression …",
            ),
            (
                "No infix parser for token Word(Word { value: \"DIV\", quote_style: None })",
                "No infix parser for token …",
            ),
            ("found Some(3) of it", "found …"),
            ("it doesn't take X(Y { a: 1 })", "it doesn't take …"),
            (
                "Optimizer rule failed\nProjection: a, b\n  TableScan: t",
                "Optimizer rule failed …",
            ),
            (
                "cannot cast 'Some(x { y: 1 }' to INT",
                "cannot cast 'Some(x { y: 1 }' to INT",
            ),
            ("no column a; there are b, c", "no column a; there are b, c"),
            (
                "a pattern such as \"a { b: c\"",
                "a pattern such as \"a { b: c\"",
            ),
        ] {
            assert_eq!(without(text), expected);
        }
    }
}
