//! What the server counts about itself, and the page that shows it.

mod counters;
mod exposition;
mod page;

pub use counters::{Telemetry, WriteSource};
pub use exposition::{Exposition, FamilyKind, count_as_value};
pub use page::render;
