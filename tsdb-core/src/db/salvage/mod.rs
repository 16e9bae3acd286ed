//! Salvage: a folder that opens, made of what can still be read of a damaged one, and an exact
//! account of what cannot.

mod blocks;
mod examine;
mod folder;
mod in_place;
mod log_frames;
mod logs;
mod names;
mod perform;
mod report;
mod runs;

pub use report::{Damage, Lost, LostSamples, SalvageReport};

pub(super) use in_place::refuse_unfinished;
