//! The same samples at Prometheus 2.42 and here, the same queries, equal answers.

mod answer;
mod capture;
mod data;
mod fixed;
mod generated;
mod grammar;
mod known;
mod native;
mod native_grammar;
mod pair;
mod vmalert;
