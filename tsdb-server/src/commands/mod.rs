//! What `tsdb-server` does beside serving: one file a command.

mod backup;
mod client_tls;
mod command_line;
mod compact;
mod config;
mod delete;
mod error;
mod offline;
mod progress;
mod remote;
mod restore;
mod salvage_text;
mod target;
mod verify;

pub use backup::Backup;
pub use command_line::{Command, CommandLine};
pub use compact::Compact;
pub use config::ConfigCommand;
pub use delete::Delete;
pub use error::CommandError;
pub use restore::Restore;
pub use verify::Verify;
