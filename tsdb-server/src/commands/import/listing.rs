//! The blocks of a folder as a table, with the columns of `promtool tsdb list`.

use std::io::Write;

use tsdb_formats::prometheus_block::{BlockFolder, Found};

use crate::timestamp::format_rfc3339;

/// What is said where samples are left that no block has yet.
pub(super) const HEAD_IS_LEFT_OUT: &str = "\
NOT IMPORTED: the newest two to three hours. They are in wal/ and chunks_head/, and only blocks are read.
  Let Prometheus write them to blocks: start it with --web.enable-admin-api, then
    curl -XPOST http://127.0.0.1:9090/api/v1/admin/tsdb/snapshot
  (without skip_head) and import the folder that it makes in snapshots/; or have remote_write send
  them here from now on, and import once more in three hours.";

const HEAD: [&str; 8] = [
    "BLOCK ULID",
    "MIN TIME",
    "MAX TIME",
    "NUM SAMPLES",
    "HISTOGRAMS",
    "NUM CHUNKS",
    "NUM SERIES",
    "SIZE",
];

/// Prints what was found.
pub(super) fn print(found: &Found, out: &mut impl Write) -> std::io::Result<()> {
    let mut rows = vec![HEAD.map(str::to_owned)];
    rows.extend(found.blocks.iter().filter_map(row));
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(String::len).max().unwrap_or(0)
    };
    let widths: [usize; 8] = std::array::from_fn(width);
    for row in &rows {
        let cells = row.iter().zip(widths);
        let cells: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        writeln!(out, "{}", cells.join("  ").trim_end())?;
    }
    if found.has_head {
        writeln!(out, "{HEAD_IS_LEFT_OUT}")?;
    }
    Ok(())
}

fn row(folder: &BlockFolder) -> Option<[String; 8]> {
    let meta = folder.meta.as_ref().ok()?;
    Some([
        meta.ulid.clone(),
        format_rfc3339(meta.min_time),
        format_rfc3339(meta.max_time),
        meta.samples.to_string(),
        meta.histograms.to_string(),
        meta.chunks.to_string(),
        meta.series.to_string(),
        folder.bytes.to_string(),
    ])
}
