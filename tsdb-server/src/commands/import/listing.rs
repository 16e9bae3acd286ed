//! The blocks of a folder as a table, with the columns of `promtool tsdb list`.

use std::io::Write;

use tsdb_formats::prometheus_block::{BlockFolder, Found};

use crate::timestamp::format_rfc3339;

/// What is said where the samples that no block has yet are not read.
pub(super) const HEAD_IS_LEFT_OUT: &str = "\
NOT IMPORTED: the newest two to three hours, which are in wal/ and in no block yet.
  Repeat this without --skip-head, or let Prometheus write them to blocks: started with
  --web.enable-admin-api, it makes a folder in snapshots/ of its data, to be imported, by
    curl -XPOST http://127.0.0.1:9090/api/v1/admin/tsdb/snapshot";

const TITLES: [&str; 8] = [
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
    let mut rows = vec![TITLES.map(str::to_owned)];
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
