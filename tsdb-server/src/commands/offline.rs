//! How commands open a folder that no server has open.

use tsdb_core::DbOptions;

/// Options under which nothing is given up that the server keeps: how many exemplars that are is
/// for the server to say.
pub(super) fn offline_options() -> DbOptions {
    DbOptions {
        exemplars_max: usize::MAX,
        ..DbOptions::default()
    }
}
