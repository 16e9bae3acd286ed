//! The table of targets.

use crate::{
    access, chunk, cluster, config, exemplars, files, formats, histogram, http, index, labels, m3,
    matcher, node_json, page, prometheus, promql, promql_eval, remote, snapshot, wire,
};

/// A function that must not panic on any input.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, and that of its folders in `corpus/` and `regressions/`.
    pub name: &'static str,
    /// Plays one input.
    pub run: fn(&[u8]),
    /// Most bytes of memory it may hold at once, apart from [`Target::bytes_per_input_byte`].
    pub base_bytes: usize,
    /// Most bytes of memory it may hold for each byte of input.
    pub bytes_per_input_byte: usize,
    /// How many times fewer inputs than the others it plays, because each takes long.
    pub slowness: u32,
}

const fn target(name: &'static str, run: fn(&[u8])) -> Target {
    Target {
        name,
        run,
        base_bytes: 64 << 10,
        bytes_per_input_byte: 256,
        slowness: 1,
    }
}

/// A target that reads lines: each that is refused, up to a hundred, is told of at length.
const fn text(name: &'static str, run: fn(&[u8])) -> Target {
    Target {
        base_bytes: 256 << 10,
        ..target(name, run)
    }
}

/// A target that edits a file: its memory is bounded by that of the file, not by its input.
const fn file(name: &'static str, run: fn(&[u8]), slowness: u32) -> Target {
    Target {
        base_bytes: 8 << 20,
        slowness,
        ..target(name, run)
    }
}

/// Every target, the canary included.
pub const TARGETS: &[Target] = &[
    target("chunk_decode", chunk::decode),
    target("chunk_round_trip", chunk::round_trip),
    target("page_decode", page::decode),
    // Up to twelve pages of 4 KiB.
    Target {
        base_bytes: 512 << 10,
        ..target("tokens_interleaved", page::interleaved)
    },
    // Trains tables for each input.
    Target {
        base_bytes: 4 << 20,
        slowness: 8,
        ..target("page_round_trip", page::round_trip)
    },
    target("page_timestamps", page::timestamps),
    target("page_statistics", page::statistics),
    target("page_tables", page::token_tables),
    target("histogram", histogram::from_bytes),
    // A bucket takes a bit in a chunk, and three numbers in memory.
    Target {
        bytes_per_input_byte: 1024,
        ..target("histogram_chunk", histogram::chunk)
    },
    // Spans and bounds of a layout are written once and read for each histogram, up to a bound.
    Target {
        base_bytes: 24 << 20,
        bytes_per_input_byte: 1024,
        ..target("histograms_exact", histogram::exact)
    },
    // A shard takes a bit, of which a short text may name 65,536.
    target("shard_set", cluster::shard_set),
    Target {
        base_bytes: 64 << 20,
        ..target("delete_record", cluster::delete_record)
    },
    target("topology", cluster::topology),
    // As histograms_exact, for each of up to five chunks.
    Target {
        base_bytes: 128 << 20,
        bytes_per_input_byte: 4096,
        ..target("series_chunks", cluster::series_chunks)
    },
    target("m3_body", m3::body),
    target("go_duration", m3::duration),
    target("labels", labels::from_bytes),
    target("labels_builder", labels::builder),
    // A short pattern may compile to a large program; its limit is the matcher's own.
    Target {
        base_bytes: 64 << 20,
        slowness: 8,
        ..target("matcher_regex", matcher::regex)
    },
    // The body may unpack to the limit that the target sets.
    Target {
        base_bytes: 4 << 20,
        ..target("write_body", remote::write_body)
    },
    Target {
        base_bytes: 4 << 20,
        ..target("write_v1_vs_prost", remote::write_against_prost)
    },
    Target {
        base_bytes: 4 << 20,
        ..target("write_v2_vs_prost", remote::write_v2_against_prost)
    },
    Target {
        base_bytes: 64 << 20,
        slowness: 4,
        ..target("read_request", remote::read_request_against_prost)
    },
    Target {
        base_bytes: 4 << 20,
        ..target("read_response", remote::read_response)
    },
    target("import_line", http::import_line),
    text("openmetrics", formats::open_metrics),
    text("csv", formats::columns),
    text("csv_format", formats::csv_format),
    text("line_protocol", formats::points),
    target("timestamp", http::timestamp),
    Target {
        base_bytes: 64 << 20,
        slowness: 2,
        ..target("selector", http::selector)
    },
    // As of regular expressions, of which a query may hold many.
    Target {
        base_bytes: 64 << 20,
        bytes_per_input_byte: 4096,
        slowness: 2,
        ..target("promql_parse", promql::parse_and_print)
    },
    // A query may hold so much, twice, and its result is compared as text.
    Target {
        base_bytes: 256 << 20,
        bytes_per_input_byte: 4096,
        slowness: 8,
        ..target("promql_eval", promql_eval::evaluate)
    },
    // Each input is held against the flags, which takes long.
    Target {
        base_bytes: 8 << 20,
        bytes_per_input_byte: 4096,
        slowness: 32,
        ..target("config_file", config::file)
    },
    // A tree of YAML, and what is said of each place in it.
    Target {
        base_bytes: 1 << 20,
        bytes_per_input_byte: 4096,
        ..target("web_config", access::web_config)
    },
    target("authorization", access::authorization),
    target("certificate", access::certificate),
    Target {
        base_bytes: 64 << 20,
        slowness: 2,
        ..target("node_json", node_json::request)
    },
    Target {
        base_bytes: 64 << 20,
        slowness: 2,
        ..target("json_write", node_json::point)
    },
    target("log_frame", files::log_frame),
    target("exemplars", exemplars::file),
    target("series_record", files::series_record),
    file("log_replay", files::log_replay, 4),
    file("series_file", files::series_file, 1),
    file("run_open", files::run_open, 4),
    file("block_open", files::block_open, 4),
    file("index_open", index::open, 2),
    file("index_snapshot", index::snapshot, 2),
    // A folder is made, filled, closed and opened again.
    Target {
        base_bytes: 16 << 20,
        ..file("series_snapshot", snapshot::decode, 32)
    },
    file("manifest", files::manifest, 1),
    file("backup_manifest", files::backup_manifest, 1),
    file("catalog", files::catalog, 1),
    file("data_format", files::data_format, 1),
    file("open_folder", files::open_folder, 32),
    file("prometheus_index", prometheus::index, 4),
    // A bucket takes a bit in a chunk, and three numbers in memory.
    Target {
        bytes_per_input_byte: 1024,
        ..file("prometheus_chunks", prometheus::chunk, 2)
    },
    file("prometheus_tombstones", prometheus::tombstones, 1),
    file("prometheus_meta", prometheus::meta, 1),
    // A record may unpack to its limit of 64 MiB.
    Target {
        base_bytes: 160 << 20,
        ..file("prometheus_log", prometheus::log, 2)
    },
    // A payload may unpack to its limit, and is encoded and decoded again.
    Target {
        base_bytes: 16 << 20,
        bytes_per_input_byte: 1024,
        slowness: 2,
        ..target("wire_samples", wire::samples)
    },
    Target {
        base_bytes: 1 << 20,
        ..target("wire_samples_round_trip", wire::samples_round_trip)
    },
    Target {
        base_bytes: 1 << 20,
        ..target("wire_series", wire::series)
    },
    // A short pattern may compile to a large program.
    Target {
        base_bytes: 64 << 20,
        bytes_per_input_byte: 1024,
        slowness: 4,
        ..target("wire_message", wire::message)
    },
    target("canary", canary),
];

/// The target of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// Must fail: shows that the harness finds inputs that no corpus holds, and notices.
fn canary(input: &[u8]) {
    assert!(!matches!(input, [b'c', _, ..]), "the canary was found");
}
