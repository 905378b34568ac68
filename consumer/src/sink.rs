//! What the query writes durably to other systems: so far its bad records, which go to a topic of their own
//! ([`dead_letters`]).

pub mod dead_letters;
