//! `tsdb-server query`: an expression over a folder or a running server, shown to a person.

mod command;
mod complaint;
mod csv;
mod here;
mod reply;
mod sparkline;
mod steps;
mod table;
mod times;
mod width;

pub use command::Query;
