//! Writes clap's error about a command line in one line, and without what may be a secret.
//!
//! clap repeats an argument that it does not expect. Often that is the rest of a value, such as a password, that had a
//! blank in it and no quotes around it.

use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind};

const NOT_SHOWN: &str = "an argument is not expected, and not shown, since it may be part of a secret; a value with \
                         blanks stands in quotes";

/// Returns the error in one line; `command` is the program's command line.
pub fn usage_error(error: &clap::Error, command: &Command) -> String {
    let line = match is_harmless(error, command) {
        true => {
            let text = error.to_string();
            // What follows an empty line is only advice.
            let lines = text.lines().take_while(|line| !line.is_empty());
            let line = lines.map(str::trim).collect::<Vec<_>>().join(" ");
            line.trim_start_matches("error: ").to_owned()
        }
        false => NOT_SHOWN.to_owned(),
    };
    format!("{line}; see --help")
}

/// Returns whether the error repeats only names of flags and commands.
fn is_harmless(error: &clap::Error, command: &Command) -> bool {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    match error.kind() {
        // An argument that resembles a flag is a flag with a slip in it; any other may be the rest of a secret.
        ErrorKind::UnknownArgument => {
            error.get(ContextKind::SuggestedArg).is_some()
                && text(ContextKind::InvalidArg).is_some_and(is_flag)
        }
        // Any word may stand where a command could, so only the name of a command is shown.
        ErrorKind::ArgumentConflict => text(ContextKind::InvalidSubcommand)
            .is_none_or(|name| command.find_subcommand(name).is_some()),
        // A word that resembles a command's name is one with a slip in it.
        ErrorKind::InvalidSubcommand => error.get(ContextKind::SuggestedSubcommand).is_some(),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation | ErrorKind::TooManyValues => {
            text(ContextKind::InvalidValue).is_none_or(str::is_empty)
        }
        _ => true,
    }
}

/// Returns whether `text` looks like a flag's name without a value.
fn is_flag(text: &str) -> bool {
    let words = text.strip_prefix("--").unwrap_or_default().split('-');
    words
        .clone()
        .all(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use clap::{Arg, ArgAction};

    use super::*;

    fn told(args: &[&str]) -> String {
        let mut command = Command::new("program")
            .args_conflicts_with_subcommands(true)
            .arg(Arg::new("rate").long("rate"))
            .arg(Arg::new("reset").long("reset").action(ArgAction::SetTrue))
            .arg(Arg::new("property").short('X').action(ArgAction::Append))
            .subcommand(Command::new("checkpoints"));
        let args = ["program"].iter().chain(args);
        let error = command.try_get_matches_from_mut(args).unwrap_err();
        usage_error(&error, &command)
    }

    #[test]
    fn a_flag_with_a_slip_in_it_is_named() {
        let line = told(&["--rates=hunter2"]);
        assert_eq!(line, "unexpected argument '--rates' found; see --help");
    }

    #[test]
    fn a_command_with_a_slip_in_it_is_named() {
        let line = told(&["checkpoint"]);
        assert!(
            line.contains("unrecognized subcommand 'checkpoint'"),
            "{line}"
        );
    }

    #[test]
    fn a_command_behind_a_flag_is_named() {
        let line = told(&["--rate", "1", "checkpoints"]);
        let start = "the subcommand 'checkpoints' cannot be used with '--rate <rate>'";
        assert!(line.starts_with(start), "{line}");
    }

    #[test]
    fn what_may_be_part_of_a_secret_is_not_repeated() {
        for args in [
            &["-X", "sasl.password=my", "hunter2"][..],
            &["-X", "sasl.password=my", "--hunter2"],
            &["-X", "sasl.password=my", "-hunter2"],
            &["--reset=hunter2"],
            &["checkpoints", "hunter2"],
        ] {
            let line = told(args);
            assert!(!line.contains("hunter2"), "{line}");
            assert!(
                !line.contains('\n') && line.ends_with("; see --help"),
                "{line}"
            );
        }
    }
}
