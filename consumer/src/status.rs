//! What is to be seen of a query, as raw values: for a terminal, a web page and metrics alike.

pub mod behind;
pub mod history;
