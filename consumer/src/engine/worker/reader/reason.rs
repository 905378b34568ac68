//! The reason why the query fails on a record, as a dead letter and an error message state it.

use datafusion_common::DataFusionError;

use crate::engine::query::error_text;

/// The most characters of an error's text that are shown, because the text may contain a whole value of the record.
const MOST_OF_REASON: usize = 300;

/// Returns why the query fails on a record, in one line without control characters.
pub(super) fn reason(error: &DataFusionError) -> String {
    let text = error_text(error);
    let mut letters = text.chars();
    let mut shown = String::new();
    for letter in letters.by_ref().take(MOST_OF_REASON) {
        match letter.is_control() {
            true => shown.extend(letter.escape_default()),
            false => shown.push(letter),
        }
    }
    if letters.next().is_some() {
        shown.push('…');
    }
    shown
}
