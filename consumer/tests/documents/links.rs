//! Checks that every relative link of a document leads to a file, and to one of its headings if the link names one.

use std::fs;
use std::path::{Path, PathBuf};

use crate::repository;

#[test]
fn every_link_leads_somewhere() {
    let mut pages = Vec::new();
    for place in ["README.md", "ARCHITECTURE.md", "docs", "bench", "findings"] {
        add_pages(&repository().join(place), &mut pages);
    }
    assert!(pages.len() > 10, "{pages:?}");
    let mut broken = Vec::new();
    for page in &pages {
        let text = fs::read_to_string(page).unwrap();
        let leads_nowhere = |link: &String| !leads_somewhere(page, link);
        let links = links(&text).into_iter().filter(leads_nowhere);
        broken.extend(links.map(|link| format!("{}: {link}", page.display())));
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn a_link_is_found_in_text_and_not_in_code() {
    let text = "a [b](c.md) `[d](e.md)` ![f](g.png#h)\n```text\n[i](j.md)\n```\n[k](https://l)";
    assert_eq!(links(text), ["c.md", "g.png#h"]);
}

#[test]
fn a_heading_has_the_anchor_that_it_has_on_the_web() {
    let text = "# What's *new*: `x_y`, e-f\n```sh\n# no heading\n```\n## Two\n### Two\n";
    assert_eq!(anchors(text), ["whats-new-x_y-e-f", "two", "two-1"]);
}

fn add_pages(place: &Path, pages: &mut Vec<PathBuf>) {
    if place.is_dir() {
        for entry in fs::read_dir(place).unwrap() {
            add_pages(&entry.unwrap().path(), pages);
        }
    } else if place.extension().is_some_and(|extension| extension == "md") {
        pages.push(place.to_owned());
    }
}

fn leads_somewhere(page: &Path, link: &str) -> bool {
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = match path {
        "" => page.to_owned(),
        path => page.parent().unwrap().join(path),
    };
    if anchor.is_empty() {
        return target.exists();
    }
    fs::read_to_string(target).is_ok_and(|text| anchors(&text).iter().any(|one| one == anchor))
}

/// Returns the lines that are not code.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut in_code = false;
    text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        !in_code && !is_fence
    })
}

/// Returns the targets of the links that are relative to their page.
fn links(text: &str) -> Vec<String> {
    let text: Vec<_> = lines(text).collect();
    let text = text.join("\n");
    let outside_of_code: String = text.split('`').step_by(2).collect();
    let targets = outside_of_code.split("](").skip(1);
    let targets = targets.filter_map(|rest| Some(rest.split_once(')')?.0));
    let relative = targets.filter(|target| !target.contains("://"));
    relative.map(str::to_owned).collect()
}

/// Returns the anchors that GitHub makes of the headings.
fn anchors(text: &str) -> Vec<String> {
    let mut anchors: Vec<String> = Vec::new();
    for heading in lines(text).filter(|line| line.starts_with('#')) {
        let kept = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = kept
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        let anchor = kept.collect::<String>().replace(' ', "-");
        let again = format!("{anchor}-");
        let is_same = |one: &&String| {
            **one == anchor
                || one
                    .strip_prefix(&again)
                    .is_some_and(|number| number.parse::<usize>().is_ok())
        };
        match anchors.iter().filter(is_same).count() {
            0 => anchors.push(anchor),
            before => anchors.push(format!("{again}{before}")),
        }
    }
    anchors
}
