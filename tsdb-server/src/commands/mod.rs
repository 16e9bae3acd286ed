//! What `tsdb-server` does beside serving: one file a command.

mod backup;
mod client_tls;
mod command_line;
mod compact;
mod config;
mod delete;
mod download;
mod error;
mod export;
mod export_output;
mod generate;
mod health;
mod import;
mod manual;
mod named_namespace;
mod offline;
mod progress;
mod remote;
mod restore;
mod salvage_text;
mod selection;
mod target;
mod verify;

pub use backup::Backup;
pub use command_line::{Command, CommandLine};
pub use compact::Compact;
pub use config::ConfigCommand;
pub use delete::Delete;
pub use error::CommandError;
pub use export::Export;
pub use generate::Generate;
pub use health::Health;
pub use import::Import;
pub use restore::Restore;
pub use verify::Verify;
