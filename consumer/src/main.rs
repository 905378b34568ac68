//! The program: it reads the command line, runs the query, shows its results, and ends with an exit code.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong usage. The first SIGINT or SIGTERM lets the query finish its
//! batch, the second ends at once. SIGTSTP stops it only where a shell can continue it.

#[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]
mod allocator;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::thread::{self, JoinHandle};

use anyhow::Context;
use chrono::Utc;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use consumer::checkpoint::listing::{self, ListingError};
use consumer::command::QueryCommand;
use consumer::config::cli::{
    CheckpointsFormat, CheckpointsRequest, Cli, Command as CliCommand, OutputFormat,
};
use consumer::demo::{self, Demo};
use consumer::event::{NamedEvent, QueryEvent};
use consumer::job_control::{NOBODY, can_be_continued};
use consumer::runtime::{self, StreamingError};
use consumer::schema::TableSchema;
use consumer::ui::checkpoints;
use consumer::ui::json::Json;
use consumer::ui::regular_file::RegularFile;
use consumer::ui::table::Table;
use consumer::ui::terminal::{self, theme::Theme};
use consumer::ui::{self, Output, OutputError};
use crossbeam_channel::{Receiver, Sender, unbounded};
use kafka_access::SettingsError;
use kafka_access::escape::escaped;
use kafka_access::kafka::DEFAULT_BOOTSTRAP_SERVERS;
use kafka_access::secret::concealed;
use kafka_access::usage::usage_error;
use signal_hook::consts::{SIGINT, SIGTERM, SIGTSTP};
use signal_hook::iterator::{Handle, Signals};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

const FAILED: u8 = 1;
const WRONG_USAGE: u8 = 2;

/// The path by which the file behind standard output can be read.
const STDOUT: &str = "/proc/self/fd/1";

/// The log's filter without RUST_LOG. librdkafka is silent then: what it retries by itself is no news, and the query
/// says when brokers are lost.
const QUIET: &str = "warn,librdkafka=off";

fn main() -> ExitCode {
    let cli = match read_cli() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    let ended = match cli.command() {
        Some(CliCommand::Checkpoints(flags)) => flags
            .request()
            .map_err(Into::into)
            .and_then(show_checkpoints),
        None => run(&cli),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            fail(&reason(&error));
            let wrong = is_wrong_usage(&error);
            ExitCode::from(if wrong { WRONG_USAGE } else { FAILED })
        }
    }
}

/// The error's text, with those causes that the text does not have already.
fn reason(error: &anyhow::Error) -> String {
    let causes = error.chain().skip(1).map(ToString::to_string);
    causes.fold(error.to_string(), |reason, cause| {
        if reason.contains(&cause) {
            reason
        } else {
            format!("{reason}: {cause}")
        }
    })
}

fn is_wrong_usage(error: &anyhow::Error) -> bool {
    if let Some(error) = error.downcast_ref::<StreamingError>() {
        return error.is_wrong_usage();
    }
    match error.downcast_ref::<ListingError>() {
        Some(error) => error.is_wrong_usage(),
        None => error.is::<SettingsError>(),
    }
}

fn read_cli() -> Result<Cli, ExitCode> {
    Cli::try_parse().map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => match error.print() {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::from(FAILED),
        },
        _ => {
            fail(&usage_error(&error, &<Cli as CommandFactory>::command()));
            ExitCode::from(WRONG_USAGE)
        }
    })
}

fn fail(reason: &str) {
    // Without standard error there is nobody to tell.
    let _ = writeln!(io::stderr(), "error: {}", escaped(&concealed(reason)));
}

fn run(cli: &Cli) -> anyhow::Result<()> {
    let format = cli.output(io::stdout().is_terminal())?;
    let (events, received) = unbounded();
    // Wrong settings are told before the demo's brokers are started for them.
    let servers = cli.is_demo().then_some(DEFAULT_BOOTSTRAP_SERVERS);
    let mut config = cli.config(servers)?;
    start_log(format, &config.group_id, &events)?;
    let demo = if cli.is_demo() {
        Demo::check(&config.topics)?;
        Some(Demo::start(&config.dead_letter_topic)?)
    } else {
        None
    };
    if let Some(demo) = &demo {
        config = cli.config(Some(demo.servers()))?;
        config.demo = Demo::hints();
        config.schema = Some(match config.schema {
            Some(schema) => schema,
            None => TableSchema::parse(demo::SCHEMA).context("the demo's schema")?,
        });
    }
    let query = runtime::start(config, events)?;
    let end = show(format, received, query.commands());
    let ended = match end {
        Ok(OutputEnd::QueryEnded) => query.join(),
        // A user who leaves does not wait for the query's end.
        Ok(OutputEnd::UserLeft) => Ok(()),
        Err(error) => return Err(error),
    };
    drop(demo);
    Ok(ended?)
}

/// Prints the checkpoints that are stored at a location.
fn show_checkpoints(request: CheckpointsRequest) -> anyhow::Result<()> {
    let store = request.location.open()?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    let printed = match &request.partition {
        None => {
            let listing = listing::list(&store)?;
            match request.output {
                CheckpointsFormat::Table { .. } => {
                    checkpoints::list_table(&mut out, &listing, Utc::now())
                }
                CheckpointsFormat::Json => checkpoints::list_json(&mut out, &listing),
            }
        }
        Some(partition) => {
            let state = listing::show(&store, partition)?;
            match request.output {
                CheckpointsFormat::Table { rows } => {
                    checkpoints::state_table(&mut out, &state, rows)
                }
                CheckpointsFormat::Json => {
                    // Without standard error there is nobody to warn, and the rows are as good.
                    let _ = checkpoints::tell_problems(&mut io::stderr(), &state.problems);
                    checkpoints::state_json(&mut out, &state)
                }
            }
        }
    };
    match printed {
        Err(OutputError::Closed) => Ok(()),
        printed => Ok(printed?),
    }
}

/// The log goes to standard error, and while the dashboard has the screen, to its events.
fn start_log(format: OutputFormat, query: &str, events: &Sender<NamedEvent>) -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(QUIET));
    let log = tracing_subscriber::registry().with(filter);
    match format {
        OutputFormat::Dashboard { .. } => log
            .with(terminal::log::layer(query.into(), events.clone()))
            .try_init(),
        OutputFormat::Table { .. } | OutputFormat::Json => log
            .with(tracing_subscriber::fmt::layer().with_writer(io::stderr))
            .try_init(),
    }
    .context("cannot start the log")
}

/// Why there is no more output.
enum OutputEnd {
    /// The query has ended.
    QueryEnded,
    /// The user has left.
    UserLeft,
}

fn show(
    format: OutputFormat,
    events: Receiver<NamedEvent>,
    commands: &Sender<QueryCommand>,
) -> anyhow::Result<OutputEnd> {
    match format {
        OutputFormat::Dashboard { rows } => {
            let theme = theme();
            let ended = terminal::run(events, commands.clone(), theme, rows)?;
            if let Some(last) = &ended.last {
                // What the screen has shown stays readable after it is gone.
                let mut table = Table::new(io::stdout().lock(), rows);
                goes_on(table.shown(last))?;
            }
            Ok(match ended.end {
                terminal::DashboardEnd::Left => OutputEnd::UserLeft,
                terminal::DashboardEnd::Stopped | terminal::DashboardEnd::Lost => {
                    OutputEnd::QueryEnded
                }
            })
        }
        OutputFormat::Table { rows } => {
            print_all(Table::new(io::stdout().lock(), rows), &events, commands)
        }
        OutputFormat::Json => print_all(
            Json::new(io::stdout().lock(), io::stderr()),
            &events,
            commands,
        ),
    }
}

fn print_all(
    mut output: impl Output,
    events: &Receiver<NamedEvent>,
    commands: &Sender<QueryCommand>,
) -> anyhow::Result<OutputEnd> {
    let mut file = RegularFile::behind(&io::stdout());
    file.end_torn_line(STDOUT).map_err(OutputError::from)?;
    let (handle, signals) = stop_on_signals(commands.clone())?;
    let mut end = Ok(OutputEnd::QueryEnded);
    for NamedEvent { event, .. } in events {
        let written = ui::deliver(&mut output, &event, || file.sync());
        if !goes_on(written)? {
            end = Ok(OutputEnd::UserLeft);
            break;
        }
        if matches!(event, QueryEvent::Stopped) {
            break;
        }
    }
    handle.close();
    if signals.join().is_err() {
        end = end.context("the thread that takes signals broke down");
    }
    end
}

/// `false` once the reader of the output has gone, which is an end like any other.
fn goes_on(printed: Result<(), OutputError>) -> Result<bool, OutputError> {
    match printed {
        Ok(()) => Ok(true),
        Err(OutputError::Closed) => Ok(false),
        Err(error) => Err(error),
    }
}

fn stop_on_signals(commands: Sender<QueryCommand>) -> anyhow::Result<(Handle, JoinHandle<()>)> {
    let mut signals =
        Signals::new([SIGINT, SIGTERM]).context("cannot take the signals SIGINT and SIGTERM")?;
    if !can_be_continued() {
        signals
            .add_signal(SIGTSTP)
            .context("cannot take the signal SIGTSTP")?;
    }
    let handle = signals.handle();
    let take = move || {
        let mut stopping = false;
        for signal in signals.forever() {
            if signal == SIGTSTP {
                // Without standard error there is nobody to tell.
                let _ = writeln!(io::stderr(), "{NOBODY}");
                continue;
            }
            if std::mem::replace(&mut stopping, true) {
                signal_hook::low_level::exit(128 + signal);
            }
            // The query may have ended by itself.
            let _ = commands.send(QueryCommand::Stop);
        }
    };
    let thread = thread::Builder::new()
        .name("signals".to_owned())
        .spawn(take);
    Ok((
        handle,
        thread.context("cannot start the thread that takes signals")?,
    ))
}

/// Colours, unless NO_COLOR says otherwise (<https://no-color.org>: any value but an empty one).
fn theme() -> Theme {
    match std::env::var_os("NO_COLOR") {
        Some(value) if !value.is_empty() => Theme::plain(),
        _ => Theme::coloured(),
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn a_cause_that_the_error_tells_itself_is_told_once() {
        let cause = || io::Error::other("no threads are left");
        let told = anyhow!(StreamingError::Thread(cause()));
        assert_eq!(
            reason(&told),
            "a thread cannot be started: no threads are left"
        );
        let untold = anyhow!(cause()).context("cannot start the log");
        assert_eq!(reason(&untold), "cannot start the log: no threads are left");
    }
}
