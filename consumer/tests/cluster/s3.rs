//! Tests checkpoints through S3's API: what the store promises, and a query that goes on from them.
//!
//! Without Python all tests are ignored, unless CARDSTREAM_REQUIRE_S3=1.

use libtest_mimic::{Completion, Failed, Trial};

mod chains;
mod claims;
mod objects;
mod resumed;
mod server;

use server::{Absent, Server};

pub fn trials() -> Vec<Trial> {
    [
        chains::trials(),
        claims::trials(),
        objects::trials(),
        resumed::trials(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Makes a test that needs no brokers.
fn trial(name: &str, test: impl Fn(&Server) + Send + 'static) -> Trial {
    Trial::ignorable_test(name, move || {
        on_server(|server| {
            test(server);
            Ok(Completion::Completed)
        })
    })
}

fn on_server(
    test: impl FnOnce(&Server) -> Result<Completion, Failed>,
) -> Result<Completion, Failed> {
    match server::server() {
        Ok(server) => test(server),
        Err(Absent::Allowed(reason)) => Ok(Completion::ignored_with(reason)),
        Err(Absent::Failed(reason)) => Err(reason.into()),
    }
}
