//! Decides which columns of the result fit, and how wide each is. This is pure arithmetic.
//!
//! Numbers are never cut: half a number is a wrong number. Texts are cut, the widest first. If that is not enough, the
//! columns scroll sideways with the chosen one, and the first column stays where it is.

use crate::ui::terminal::table::{ResultTable, TableColumn};
use crate::width::width;

/// The columns of the terminal between two columns of the table.
pub const GAP: usize = 2;
/// The columns after a number, which have room for ▲ or ▼.
pub const MARK: usize = 1;
/// The narrowest bar that still says something.
const BAR: usize = 4;
/// The widest bar that still belongs to its row.
const WIDEST_BAR: usize = 48;
/// The least width to which a text may be cut.
const NARROW: usize = 8;
/// The width that a text may have before anything else is cut.
const WIDE: usize = 60;

/// The layout of the columns and the bar.
#[derive(Debug, PartialEq)]
pub struct ColumnLayout {
    /// The columns that are shown, in order, each with its width, which includes a number's mark.
    pub columns: Vec<(usize, usize)>,
    /// The width of the bar; 0 if there is no bar.
    pub bar: usize,
    /// The number of columns that are not shown, before and after those that are.
    pub hidden: (usize, usize),
}

/// Lays out `table` in `room` columns around the `chosen` one, with `change` columns for the change in it.
pub fn plan(
    table: &ResultTable,
    chosen: usize,
    bars: bool,
    change: usize,
    room: usize,
) -> ColumnLayout {
    let mut widths: Vec<usize> = table.columns.iter().map(natural).collect();
    let tail = if bars {
        GAP + BAR + if change > 0 { GAP + change } else { 0 }
    } else {
        0
    };
    let columns_room = room.saturating_sub(tail);
    narrow(&table.columns, &mut widths, columns_room);
    let shown = window(&widths, chosen, columns_room);
    // If columns had to go, those that stay may have more room than they need.
    let mut spare = columns_room.saturating_sub(total(shown.iter().map(|i| widths[*i])));
    for i in &shown {
        let more = (natural(&table.columns[*i]) - widths[*i]).min(spare);
        widths[*i] += more;
        spare -= more;
    }
    let (mut hidden_before, mut hidden_after) = (0, 0);
    for i in (0..widths.len()).filter(|i| !shown.contains(i)) {
        if i < chosen {
            hidden_before += 1
        } else {
            hidden_after += 1
        }
    }
    ColumnLayout {
        columns: shown.iter().map(|i| (*i, widths[*i])).collect(),
        bar: if bars {
            (BAR + spare).min(WIDEST_BAR)
        } else {
            0
        },
        hidden: (hidden_before, hidden_after),
    }
}

fn natural(column: &TableColumn) -> usize {
    // A name has room for the arrow of its order.
    let name = width(&column.name) + MARK;
    if column.numeric {
        (column.width + MARK).max(name)
    } else {
        column.width.max(name).min(WIDE)
    }
}

fn total(widths: impl Iterator<Item = usize>) -> usize {
    widths
        .map(|width| width + GAP)
        .sum::<usize>()
        .saturating_sub(GAP)
}

/// Narrows the widest text again and again, until all columns fit or no text can be narrowed further.
fn narrow(columns: &[TableColumn], widths: &mut [usize], room: usize) {
    let mut over = total(widths.iter().copied()).saturating_sub(room);
    while over > 0 {
        let texts = (0..widths.len()).filter(|i| !columns[*i].numeric && widths[*i] > NARROW);
        let Some(widest) = texts.max_by_key(|i| widths[*i]) else {
            return;
        };
        widths[widest] -= 1;
        over -= 1;
    }
}

/// Returns the columns to show: the first, then as many as fit that end in, or begin with, the chosen one.
fn window(widths: &[usize], chosen: usize, room: usize) -> Vec<usize> {
    let all: Vec<usize> = (0..widths.len()).collect();
    if total(widths.iter().copied()) <= room || widths.is_empty() {
        return all;
    }
    let fits = |shown: &[usize]| total(shown.iter().map(|i| widths[*i])) <= room;
    // The first column names the row. It stays, if it leaves room for the chosen one.
    let mut shown = if fits(&[0, chosen]) && chosen > 0 {
        vec![0, chosen]
    } else {
        vec![chosen]
    };
    // The window grows from the chosen column to the left, then to the right.
    for i in (1..chosen).rev().chain(chosen + 1..widths.len()) {
        let wider = [shown.as_slice(), &[i]].concat();
        if !fits(&wider) {
            if i > chosen {
                break;
            }
            continue;
        }
        shown = wider;
    }
    shown.sort_unstable();
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(columns: &[(&str, bool, usize)]) -> ResultTable {
        let column = |(name, numeric, width): &(&str, bool, usize)| TableColumn {
            name: (*name).into(),
            numeric: *numeric,
            scale: None,
            width: *width,
        };
        ResultTable {
            columns: columns.iter().map(column).collect(),
            ..ResultTable::default()
        }
    }

    #[test]
    fn what_is_left_over_is_the_bar() {
        let table = table(&[("brand", false, 16), ("n", true, 6)]);
        let plan = plan(&table, 1, true, 4, 60);
        // The columns take 16 + 2 + 7, the change 2 + 4, and the bar 2 + 27.
        assert_eq!(
            plan,
            ColumnLayout {
                columns: vec![(0, 16), (1, 7)],
                bar: 27,
                hidden: (0, 0)
            }
        );
    }

    #[test]
    fn texts_give_way_before_numbers() {
        let table = table(&[("merchant", false, 50), ("n", true, 20)]);
        let plan = plan(&table, 1, true, 0, 60);
        assert_eq!(plan.columns, [(0, 31), (1, 21)]);
        assert_eq!(plan.bar, 4);
    }

    #[test]
    fn columns_scroll_with_the_chosen_one_and_the_first_stays() {
        let columns: Vec<_> = std::iter::once(("key", false, 8))
            .chain((0..9).map(|_| ("n", true, 10)))
            .collect();
        let table = table(&columns);
        let shown = |chosen| {
            plan(&table, chosen, true, 0, 60)
                .columns
                .iter()
                .map(|c| c.0)
                .collect::<Vec<_>>()
        };
        assert_eq!(shown(1), [0, 1, 2, 3]);
        assert_eq!(shown(5), [0, 3, 4, 5]);
        assert_eq!(plan(&table, 5, true, 0, 60).hidden, (2, 4));
    }
}
