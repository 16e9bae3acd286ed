//! Rank 6: the small files that say what is live. Each is replaced as a whole, atomically.

mod backup_manifest;
mod catalog;
mod data_format;
mod document;
mod entries;
mod error;
mod file;
#[expect(
    clippy::module_inception,
    reason = "the layer is named after its main file"
)]
mod manifest;
#[cfg(test)]
mod tests;

pub use backup_manifest::{BackupFile, BackupManifest, FileSums};
pub use catalog::{AckMode, Catalog, NamespaceEntry, check_namespace_name};
pub use data_format::DataFormat;
pub use document::{
    DOCUMENT_BYTES_MAX, DOCUMENT_NAME_BYTES_MAX, DOCUMENTS_BYTES_MAX, Document, check_document_name,
};
pub use entries::{BlockDetails, BlockEntry, RunDetails, RunEntry, SeriesFileEntry};
pub use error::ManifestError;
pub use file::FORMAT_VERSION;
pub use manifest::Manifest;
