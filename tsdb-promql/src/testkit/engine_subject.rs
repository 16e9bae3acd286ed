//! An engine over a table, as the subject of scripts.

use super::reply::Reply;
use super::runner::Subject;
use super::script::Load;
use super::table::{SeriesOrder, Table};
use crate::engine::{Cancel, Engine, EngineOptions, Features};

/// Options of the engine that Prometheus' tests are played against.
#[must_use]
pub fn engine_options(features: Features) -> EngineOptions {
    EngineOptions {
        features,
        max_samples: 10_000,
        ..EngineOptions::default()
    }
}

/// An engine over a table.
#[derive(Debug)]
pub struct EngineSubject {
    engine: Engine,
    table: Table,
}

impl EngineSubject {
    /// An engine over an empty table, which gives its series in `order`.
    #[must_use]
    pub fn new(options: EngineOptions, order: SeriesOrder) -> Self {
        Self {
            engine: Engine::new(options),
            table: Table::new(order),
        }
    }
}

impl Subject for EngineSubject {
    fn clear(&mut self) -> Result<(), String> {
        self.table.clear();
        Ok(())
    }

    fn load(&mut self, load: &Load) -> Result<(), String> {
        self.table.load(load);
        Ok(())
    }

    fn instant(&self, expression: &str, time: i64) -> Result<Reply, String> {
        let answer = self
            .engine
            .instant(&self.table, expression, time, &Cancel::default());
        answer.map(Reply::from).map_err(|error| error.to_string())
    }

    fn range(&self, expression: &str, times: (i64, i64, i64)) -> Result<Reply, String> {
        let answer = self
            .engine
            .range(&self.table, expression, times, &Cancel::default());
        answer.map(Reply::from).map_err(|error| error.to_string())
    }
}
