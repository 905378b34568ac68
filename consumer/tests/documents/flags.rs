//! Reads the settings of both programs from the definitions of their flags.

use clap::{Arg, Command, CommandFactory};

/// One setting.
pub struct Setting {
    /// The environment variable, if the setting has one.
    pub variable: Option<String>,
    /// The flag as it is written, with the name of its value: `--topic <NAMES>`.
    pub flag: String,
    /// The default as the help says it.
    pub default: DefaultValue,
    /// What the setting is for.
    pub help: String,
}

/// What a setting is when it is not set.
#[derive(PartialEq, Eq)]
pub enum DefaultValue {
    /// A value, such as a number or a name.
    Value(String),
    /// Words that say what happens, or `none`.
    Words(String),
    /// The setting is a switch, and the switch is off.
    Off,
}

/// Returns the consumer's settings.
pub fn consumer() -> Vec<Setting> {
    settings(&<consumer::config::cli::Cli as CommandFactory>::command())
}

/// Returns the settings of `consumer checkpoints`.
pub fn checkpoints() -> Vec<Setting> {
    let command = <consumer::config::cli::Cli as CommandFactory>::command();
    let checkpoints = command.find_subcommand("checkpoints");
    settings(checkpoints.expect("a command"))
}

/// Returns the producer's settings.
pub fn producer() -> Vec<Setting> {
    settings(&producer::cli::Cli::command())
}

fn settings(command: &Command) -> Vec<Setting> {
    command.get_arguments().map(setting).collect()
}

fn setting(arg: &Arg) -> Setting {
    let mut flag = match (arg.get_long(), arg.get_short()) {
        (Some(long), _) => format!("--{long}"),
        (None, Some(short)) => format!("-{short}"),
        (None, None) => panic!("{} has no flag", arg.get_id()),
    };
    let takes_value = arg.get_action().takes_values();
    if takes_value {
        let name = arg.get_value_names().and_then(|names| names.first());
        flag = format!("{flag} <{}>", name.expect("a value has a name"));
    }
    let help = arg.get_help().expect("a flag has a help text").to_string();
    let (help, words) = match help.rsplit_once(" [default: ") {
        Some((help, words)) => (help.to_owned(), words.strip_suffix(']')),
        None => (help.clone(), None),
    };
    let value = arg.get_default_values().first();
    let value = value.map_or("", |value| value.to_str().expect("a default is text"));
    let default = match (words, value) {
        (Some(words), "") => DefaultValue::Words(words.to_owned()),
        (None, "") if !takes_value => DefaultValue::Off,
        (None, value) if !value.is_empty() => DefaultValue::Value(value.to_owned()),
        _ => panic!("the help of {flag} says no default, or one beside its value"),
    };
    let variable = arg
        .get_env()
        .map(|name| name.to_str().expect("a name is text").to_owned());
    Setting {
        variable,
        flag,
        default,
        help,
    }
}
