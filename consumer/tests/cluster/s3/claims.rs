//! Tests queries that claim the same location.

use std::sync::Barrier;
use std::thread;

use consumer::checkpoint::fingerprint::Fingerprint;
use consumer::checkpoint::identity::Description;
use consumer::checkpoint::lease::{self, LeaseError};
use consumer::checkpoint::store::Store;
use consumer::engine::query::Query;
use consumer::schema::TableSchema;
use libtest_mimic::Trial;

use super::server::Server;
use super::trial;

/// There are many rounds, since two claims come at the same time only by chance.
const ROUNDS: usize = 25;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("s3_of_two_queries_at_once_keeps_one", two_queries),
        trial("s3_takes_two_processes_of_one_query", one_query),
        trial("s3_is_another_querys_after_a_reset", after_reset),
    ]
}

fn schema() -> TableSchema {
    TableSchema::parse("amount DOUBLE").unwrap()
}

fn identity(aggregate: &str) -> Description {
    let sql = format!("SELECT {aggregate}(amount) FROM transactions");
    let query = Query::plan(&sql, schema().table(), &[]).unwrap();
    Description::of(&query, &["t".to_owned()], schema().columns())
}

fn claim(store: &Store, identity: &Description) -> Result<Fingerprint, LeaseError> {
    lease::take(store, identity, &schema())
}

/// Claims a location for each identity, all at the same time, each through a store of its own.
fn at_once(
    server: &Server,
    location: &str,
    identities: &[Description],
) -> Vec<Result<Fingerprint, LeaseError>> {
    let ready = Barrier::new(identities.len());
    thread::scope(|scope| {
        let claims: Vec<_> = identities
            .iter()
            .map(|identity| {
                scope.spawn(|| {
                    let store = server.store(location);
                    ready.wait();
                    claim(&store, identity)
                })
            })
            .collect();
        let claims = claims.into_iter();
        claims.map(|claim| claim.join().unwrap()).collect()
    })
}

fn two_queries(server: &Server) {
    let identities = ["sum", "avg"].map(identity);
    for round in 0..ROUNDS {
        let location = format!("two-queries-{round}");
        let claims = at_once(server, &location, &identities);
        let (won, lost): (Vec<_>, Vec<_>) = claims.into_iter().partition(Result::is_ok);
        assert_eq!(won.len(), 1, "{won:?}");
        assert!(
            matches!(
                lost[0],
                Err(LeaseError::Contended { .. } | LeaseError::OtherQuery { .. })
            ),
            "{lost:?}"
        );
        let winner = won[0].as_ref().unwrap().to_string();
        let current = server.store(&location).current().unwrap().unwrap();
        assert_eq!(current.text, winner);
    }
}

fn one_query(server: &Server) {
    for round in 0..ROUNDS {
        let location = format!("one-query-{round}");
        let claims = at_once(server, &location, &["sum", "sum", "sum"].map(identity));
        assert!(claims.iter().all(Result::is_ok), "{claims:?}");
    }
}

fn after_reset(server: &Server) {
    let store = server.store("after-reset");
    let old = claim(&store, &identity("sum")).unwrap();
    let refused = claim(&store, &identity("avg")).unwrap_err().to_string();
    assert!(refused.contains("its aggregate is sum"), "{refused}");
    let new = lease::reset(&store, &identity("avg"), &schema()).unwrap();
    assert_eq!(claim(&store, &identity("avg")).unwrap(), new);
    assert!(store.identity(old).unwrap().is_none());
    assert!(claim(&store, &identity("sum")).is_err());
}
