//! What leaves the query for another system, written there durably: so far bad records, into their own topic
//! ([`dead_letters`]).

pub mod dead_letters;
