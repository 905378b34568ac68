//! Checks that .env.example and docker-compose.yml have the settings of both programs, with their defaults.

use std::collections::BTreeMap;

use crate::flags::{self, DefaultValue, Setting};
use crate::text;

/// The settings whose values differ in the containers: they name the brokers, write a table into the log, and have
/// checkpoints.
const OTHERWISE: [&str; 3] = ["KAFKA_BOOTSTRAP_SERVERS", "OUTPUT", "CHECKPOINT_LOCATION"];

/// Returns the defaults of the settings that have an environment variable, by its name.
fn by_variable(settings: Vec<Setting>) -> BTreeMap<String, DefaultValue> {
    let with_variable = settings
        .into_iter()
        .filter_map(|setting| Some((setting.variable?, setting.default)));
    with_variable.collect()
}

fn of_both() -> BTreeMap<String, DefaultValue> {
    let mut settings = by_variable(flags::producer());
    settings.extend(by_variable(flags::consumer()));
    settings
}

/// Returns what is wrong with `value` as the default of the setting `name`, if anything is.
fn disagreement(
    settings: &BTreeMap<String, DefaultValue>,
    name: &str,
    value: &str,
) -> Option<String> {
    match settings.get(name)? {
        DefaultValue::Value(default) if value != default && !OTHERWISE.contains(&name) => {
            Some(format!("{name}={value}, but its default is {default}"))
        }
        _ => None,
    }
}

#[test]
fn the_example_of_an_env_file_has_every_setting_with_its_default() {
    let example = text(".env.example");
    let lines = example
        .lines()
        .filter_map(|line| line.strip_prefix('#')?.split_once('='));
    let written: Vec<_> = lines.filter(|(name, _)| !name.contains(' ')).collect();
    let settings = of_both();
    let wrong = written
        .iter()
        .filter_map(|(name, value)| disagreement(&settings, name, value));
    assert_eq!(wrong.collect::<Vec<_>>(), Vec::<String>::new());
    let is_missing = |name: &&String| !written.iter().any(|(written, _)| written == name);
    let missing: Vec<_> = settings.keys().filter(is_missing).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn compose_passes_every_setting_on_with_its_default() {
    let compose = text("docker-compose.yml");
    let lines = compose
        .lines()
        .filter_map(|line| line.trim().split_once(':'));
    let passed: Vec<(&str, &str)> = lines.map(|(name, value)| (name, value.trim())).collect();
    let settings = of_both();
    let defaults = passed.iter().filter_map(|(name, value)| {
        let value = value
            .strip_prefix(&format!("${{{name}:-"))?
            .strip_suffix('}')?;
        disagreement(&settings, name, value)
    });
    assert_eq!(defaults.collect::<Vec<_>>(), Vec::<String>::new());
    let is_missing = |name: &&String| !passed.iter().any(|(passed, _)| passed == name);
    let missing: Vec<_> = settings.keys().filter(is_missing).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
