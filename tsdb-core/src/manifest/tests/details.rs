//! What manifests tell of runs and blocks besides.

use super::*;

/// A manifest of the fourth version.
pub(super) fn with_details() -> Manifest {
    let mut manifest = with_tombstones();
    for run in &mut manifest.runs {
        run.details = Some(RunDetails {
            first_generation: Generation(run.generation.0 - 1),
            min_time: -7_100_000,
            max_time: 7_000_000,
            last_series: SeriesId(77),
        });
    }
    for block in &mut manifest.blocks {
        block.details = Some(BlockDetails {
            first_generation: Generation(1),
            first_series: SeriesId(2),
            last_series: SeriesId(1 << 33),
            rows: 7,
            row_samples_max: 31,
            dense: block.id == BlockId(14),
            histograms: block.id == BlockId(18),
        });
    }
    manifest
}

#[test]
fn what_needs_a_fourth_version_is_written_in_it() {
    let mut bytes = b"tsdb-man\x04\0\0\0".to_vec();
    let third = with_tombstones().encode();
    bytes.extend(&third[12..third.len() - 4]);
    for first in [2, 5] {
        put_u64(&mut bytes, first); // first generation
        put_i64(&mut bytes, -7_100_000); // first sample
        put_i64(&mut bytes, 7_000_000); // last sample
        put_u64(&mut bytes, 77); // last series
    }
    for flags in [1, 2] {
        put_u64(&mut bytes, 1); // first generation
        put_u64(&mut bytes, 2); // first series
        put_u64(&mut bytes, 1 << 33); // last series
        put_u32(&mut bytes, 7); // rows
        put_u64(&mut bytes, 31); // longest row
        put_u32(&mut bytes, flags);
    }
    assert_eq!(sealed(bytes.clone()), with_details().encode());
    let at = bytes.len() - 4;
    bytes[at] = 4;
    Manifest::decode(path(), &sealed(bytes)).unwrap_err();
    // Without deletes, and without blocks too.
    let bare = Manifest {
        blocks: Vec::new(),
        tombstones: Vec::new(),
        last_delete: Generation(0),
        ..with_details()
    };
    assert_eq!(bare.encode()[8], 4);
    assert_eq!(Manifest::decode(path(), &bare.encode()).unwrap(), bare);
    // As long as one file is known from an older manifest alone, nothing is told of the others.
    let mut partly = with_details();
    partly.runs[0].details = None;
    assert_eq!(partly.encode(), with_tombstones().encode());
}

#[test]
fn details_that_contradict_are_refused() {
    let refused = |change: fn(&mut RunDetails), other: fn(&mut BlockDetails)| {
        let mut manifest = with_details();
        manifest.runs[1].details.as_mut().map(change);
        manifest.blocks[1].details.as_mut().map(other);
        let error = Manifest::decode(path(), &manifest.encode()).unwrap_err();
        assert!(
            error.to_string().contains("contradicts its entry"),
            "{error}"
        );
    };
    refused(|run| run.first_generation = Generation(7), |_| ());
    refused(|run| run.min_time = -7_200_001, |_| ());
    refused(|run| run.max_time = 7_200_000, |_| ());
    refused(|run| run.min_time = 7_000_001, |_| ());
    refused(|_| (), |block| block.first_generation = Generation(7));
    refused(|_| (), |block| block.first_series = SeriesId(u64::MAX));
    refused(|_| (), |block| block.rows = 0);
    refused(|_| (), |block| block.rows = 100);
    refused(|_| (), |block| block.row_samples_max = 0);
    refused(|_| (), |block| block.row_samples_max = 100);
}
