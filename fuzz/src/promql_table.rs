//! A small table of every kind of series, in both orders.

use std::sync::LazyLock;

use tsdb_promql::testkit::{Command, Script, SeriesOrder, Table};

/// The last time of the table, in milliseconds.
pub(crate) const END_MS: i64 = 600_000;

/// Counters with resets, gauges with what floats there are, histograms of both kinds, both in a series.
const LOAD: &str = r#"load 30s
  c{job="a",instance="x"} 0+3x8 1+2x10
  c{job="a",instance="y"} 5+1x4 _x5 20+4x9
  c{job="b",instance="x"} 100x6 stale _x2 0+10x10
  g{job="a"} 1 -2 NaN 3 Inf -Inf 0 -0 1e300 _ _ 5 5 5 stale 7 7.5 -1e-300 2 2
  g{job="b",le="1"} 2 2 2 2 2
  g{job="c",instance="x"} _x18 4
  h{job="a"} {{schema:1 sum:4 count:4 z_bucket:1 buckets:[1 2] n_buckets:[0 0]}}+{{schema:1 sum:2 count:3 buckets:[1 2]}}x12 {{schema:0 sum:1 count:2 buckets:[1 1]}}x5
  h{job="b"} {{schema:3 sum:-1 count:6 z_bucket:2 z_bucket_w:0.5 buckets:[1 0 1] n_buckets:[2]}}x7 stale _x3 {{schema:2 sum:NaN count:3 buckets:[1 2]}}x5
  n{job="a"} {{schema:-53 sum:5 count:4 custom_values:[5 10] buckets:[1 2 1]}}+{{schema:-53 sum:3 count:2 custom_values:[5 10] buckets:[1 0 1]}}x15
  n{job="b"} {{schema:-53 sum:5 count:4 custom_values:[2 5 7] buckets:[1 2 1]}}x9
  m{job="a"} 1 2 {{schema:0 sum:1 count:1 buckets:[1]}} {{schema:0 sum:3 count:2 buckets:[2]}} 3 4 5 _ {{schema:-53 sum:5 count:4 custom_values:[5 10] buckets:[1 2 1]}} 9
  b_bucket{job="a",le="0.1"} 0+1x18
  b_bucket{job="a",le="1"} 0+3x18
  b_bucket{job="a",le="+Inf"} 0+4x18
  b_bucket{job="b",le="1"} 5 4 3 2 1
  b_bucket{job="b",le="+Inf"} 4 4 4 4 4
  b_bucket{job="b",le="odd"} 1 1 1
  target_info{job="a",instance="x",version="1"} 1x20
  target_info{job="a",instance="x",version="2"} _x21 1
"#;

static TABLES: LazyLock<[Table; 2]> =
    LazyLock::new(|| [SeriesOrder::Sorted, SeriesOrder::Reversed].map(loaded));

/// The table with its series by their labels, and from the last to the first.
pub(crate) fn tables() -> &'static [Table; 2] {
    &TABLES
}

fn loaded(order: SeriesOrder) -> Table {
    let script = Script::parse("table", LOAD).expect("the table is a script");
    let mut table = Table::new(order);
    for command in &script.commands {
        if let Command::Load(load) = command {
            table.load(load);
        }
    }
    table
}
