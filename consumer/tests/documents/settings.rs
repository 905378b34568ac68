//! Checks that docs/settings.md has the tables that are made from the flags.

use std::env;
use std::fmt::Write;
use std::fs;

use crate::flags::{self, DefaultValue, Setting};
use crate::{repository, text};

const PAGE: &str = "docs/settings.md";

#[test]
fn the_page_of_settings_has_the_flags_of_both_programs() {
    let page = text(PAGE);
    let mut made = page.clone();
    for (name, settings) in [
        ("consumer", flags::consumer()),
        ("checkpoints", flags::checkpoints()),
        ("producer", flags::producer()),
    ] {
        made = with_table(&made, name, &table(&settings));
    }
    if env::var_os("UPDATE_SETTINGS").is_some() {
        fs::write(repository().join(PAGE), made).unwrap();
    } else {
        let differing = page
            .lines()
            .zip(made.lines())
            .find(|(page, made)| page != made);
        assert!(
            page == made,
            "{PAGE} is not what the flags say; write it anew with\n\
             UPDATE_SETTINGS=1 cargo test -p consumer --test documents\n\
             The first lines that differ: {differing:#?}"
        );
    }
}

/// Returns the page with `table` between the marks of that name.
fn with_table(page: &str, name: &str, table: &str) -> String {
    let begin = format!("<!-- {name}: made from the flags -->\n");
    let end = "<!-- end -->\n";
    let (before, rest) = page
        .split_once(&begin)
        .unwrap_or_else(|| panic!("{PAGE} has no {begin}"));
    let (_, after) = rest
        .split_once(end)
        .unwrap_or_else(|| panic!("{PAGE} has no {end}"));
    format!("{before}{begin}{table}{end}{after}")
}

fn table(settings: &[Setting]) -> String {
    let mut table = "| variable | flag | default | |\n|---|---|---|---|\n".to_owned();
    for setting in settings {
        let variable = setting.variable.as_deref().unwrap_or_default();
        let default = match &setting.default {
            DefaultValue::Value(value) => format!("`{value}`"),
            DefaultValue::Words(words) => cell(words),
            DefaultValue::Off => "off".to_owned(),
        };
        let help = cell(&setting.help);
        writeln!(
            table,
            "| {variable} | `{}` | {default} | {help} |",
            setting.flag
        )
        .unwrap();
    }
    table
}

/// Returns a help text as a cell of a table. A word that is to be typed stands in quotes in the help, and as code in
/// the cell.
fn cell(help: &str) -> String {
    let is_typed = |word: &str| word.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    let mut cell = String::new();
    let mut rest = help;
    while let Some((before, after)) = rest.split_once('\'') {
        cell.push_str(before);
        rest = after;
        match after.split_once('\'') {
            Some((word, after)) if !word.is_empty() && is_typed(word) => {
                write!(cell, "`{word}`").unwrap();
                rest = after;
            }
            _ => cell.push('\''),
        }
    }
    cell.push_str(rest);
    cell.replace('|', "\\|")
}
