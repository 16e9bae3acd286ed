//! What queries of dashboards cost: one fleet into each server, then the same questions over HTTP.

mod answer;
mod fleet;
mod question;
mod report;
mod run;

#[cfg(test)]
mod tests;

pub(crate) use run::queries;
