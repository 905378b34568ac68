//! The producer program reads the settings, runs and reports.
//!
//! The exit code is 0 when the run is done, 1 when it failed and 2 for wrong usage. The first SIGINT or SIGTERM asks
//! the run to stop, the second one ends the program at once.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod console;

use std::process::ExitCode;
use std::thread::{self, JoinHandle};

use anyhow::Context;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use kafka_access::Stop;
use kafka_access::usage::usage_error;
use producer::cli::Cli;
use producer::{Report, Settings};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};
use tracing_subscriber::EnvFilter;

use crate::console::Console;

const FAILED: u8 = 1;
const WRONG_USAGE: u8 = 2;

/// The filter of log lines when RUST_LOG is not set. librdkafka's lines are off: it retries by itself, and the run
/// reports when brokers are lost.
const QUIET: &str = "warn,librdkafka=off";

fn main() -> ExitCode {
    let settings = match read_settings() {
        Ok(settings) => settings,
        Err(code) => return code,
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(QUIET));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    match run(&settings) {
        Ok(report) if report.is_complete() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(FAILED),
        Err(error) => {
            console::fail(format_args!("{error:#}"));
            let cause = error.downcast_ref::<producer::Error>();
            let wrong = cause.is_some_and(producer::Error::is_wrong_usage);
            ExitCode::from(if wrong { WRONG_USAGE } else { FAILED })
        }
    }
}

fn read_settings() -> Result<Settings, ExitCode> {
    let wrong = |reason: &str| {
        console::fail(reason);
        ExitCode::from(WRONG_USAGE)
    };
    let cli = Cli::try_parse().map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => match error.print() {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::from(FAILED),
        },
        _ => wrong(&usage_error(&error, &Cli::command())),
    })?;
    cli.settings().map_err(|error| wrong(&error.to_string()))
}

fn run(settings: &Settings) -> anyhow::Result<Report> {
    let stop = Stop::new();
    let (handle, signals) = stop_on_signals(stop.clone())?;
    let mut console = Console::new(settings.kafka.bootstrap_servers(), settings.topic.name());
    let outcome = producer::run(settings, &stop, |event| console.tell(&event));
    handle.close();
    if signals.join().is_err() {
        tracing::error!("the thread that takes signals failed");
    }
    let report = outcome?;
    console.report(&report);
    Ok(report)
}

fn stop_on_signals(stop: Stop) -> anyhow::Result<(Handle, JoinHandle<()>)> {
    let mut signals =
        Signals::new([SIGINT, SIGTERM]).context("cannot take the signals SIGINT and SIGTERM")?;
    let handle = signals.handle();
    let take = move || {
        for signal in signals.forever() {
            if stop.requested() {
                signal_hook::low_level::exit(128 + signal);
            }
            stop.request();
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
