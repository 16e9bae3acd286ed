//! Texts of any format on their way in: unpacked, cut into lines, read into rows. Knows neither HTTP nor files.

mod encoding;
mod format;
mod gunzip;
mod intake;
mod json_lines;
mod line_batches;

pub(crate) use encoding::Encoding;
pub(crate) use format::ImportFormat;
pub(crate) use intake::{Intake, IntakeError};
