use proptest::prelude::*;

use super::reading::rows;
use super::*;
use crate::chunk::MAX_CHUNK_SAMPLES;
use crate::model::winner;
use crate::run::merge_runs;

fn merge(
    vfs: &MemVfs,
    inputs: &[&RunReader],
    keep: impl Fn(Window) -> bool,
) -> Result<RunMeta, RunError> {
    let path = Path::new("merged.run");
    merge_runs(
        inputs,
        keep,
        RunWriter::create(path, vfs.create(path).unwrap(), header()).unwrap(),
    )
}

/// What merging must give, sample by sample.
fn union(inputs: &[Rows], keep: impl Fn(Window) -> bool) -> Rows {
    let mut all = Rows::new();
    for rows in inputs {
        for (window, series) in rows.iter().filter(|(window, _)| keep(**window)) {
            for (key, samples) in series {
                let row = all.entry(*window).or_default().entry(*key).or_default();
                for (&time, &bits) in samples {
                    let old = row.get(&time).copied().unwrap_or(bits);
                    let value = winner(f64::from_bits(old), f64::from_bits(bits));
                    row.insert(time, value.to_bits());
                }
            }
        }
    }
    all
}

#[test]
fn a_row_of_one_input_is_copied_as_it_is() {
    let vfs = MemVfs::new();
    let window = window(0, 1000);
    let rows = |series| Rows::from([(window, BTreeMap::from([(key(0, series), row(0..7, 1.0))]))]);
    write(&vfs, "one.run", &rows(1), 2);
    write(&vfs, "two.run", &rows(2), 3);
    let readers = [
        open(&vfs, "one.run").unwrap(),
        open(&vfs, "two.run").unwrap(),
    ];
    merge(&vfs, &[&readers[0], &readers[1]], |_| true).unwrap();
    let merged = open(&vfs, "merged.run").unwrap();
    for (reader, series) in readers.iter().zip([1, 2]) {
        let before = reader.chunks_of(0, key(0, series)).unwrap();
        let after = merged.chunks_of(0, key(0, series)).unwrap();
        assert_eq!(before.len(), after.len());
        for (before, after) in before.iter().zip(&after) {
            assert_eq!(before.meta, after.meta);
            assert_eq!(
                reader.read_chunk(before).unwrap(),
                merged.read_chunk(after).unwrap()
            );
        }
    }
}

#[test]
fn a_shared_row_is_written_in_full_chunks_with_the_highest_epoch() {
    let vfs = MemVfs::new();
    let window = window(0, 100_000);
    let len = MAX_CHUNK_SAMPLES as i64;
    let rows = |shift| {
        let times = (0..len).map(|at| at * 2 + shift);
        Rows::from([(window, BTreeMap::from([(key(2, 1), row(times, 1.0))]))])
    };
    write(&vfs, "one.run", &rows(0), 50);
    write(&vfs, "two.run", &rows(1), 70);
    let readers = [
        open(&vfs, "one.run").unwrap(),
        open(&vfs, "two.run").unwrap(),
    ];
    merge(&vfs, &[&readers[0], &readers[1]], |_| true).unwrap();
    let merged = open(&vfs, "merged.run").unwrap();
    let chunks = merged.chunks_of(0, key(2, 1)).unwrap();
    let counts: Vec<usize> = chunks
        .iter()
        .map(|chunk| usize::from(chunk.meta.count))
        .collect();
    assert_eq!(counts, [MAX_CHUNK_SAMPLES, MAX_CHUNK_SAMPLES]);
    assert!(chunks.iter().all(|chunk| chunk.meta.epoch == 2));
    assert_eq!(scan(&merged).unwrap(), union(&[rows(0), rows(1)], |_| true));
}

#[test]
fn nothing_kept_is_an_empty_run() {
    let vfs = MemVfs::new();
    write(&vfs, PATH, &small_rows(), 3);
    let reader = open(&vfs, PATH).unwrap();
    let meta = merge(&vfs, &[&reader], |_| false).unwrap();
    assert_eq!(meta.samples(), 0);
    assert_eq!(open(&vfs, "merged.run").unwrap().sections().unwrap(), []);
}

#[test]
fn rows_of_another_namespace_are_refused() {
    let vfs = MemVfs::new();
    write(&vfs, PATH, &small_rows(), 3);
    let reader = open(&vfs, PATH).unwrap();
    let path = Path::new("merged.run");
    let other = RunHeader {
        namespace: NamespaceId(4),
        ..header()
    };
    let out = RunWriter::create(path, vfs.create(path).unwrap(), other).unwrap();
    assert!(matches!(
        merge_runs(&[&reader], |_| true, out),
        Err(RunError::Refused { .. })
    ));
}

proptest! {
    #[test]
    fn merging_is_the_union_by_the_winner_rule(
        inputs in prop::collection::vec((rows(), 1usize..9), 0..5),
        expired in prop::option::of(-120i64..180),
    ) {
        let vfs = MemVfs::new();
        let keep = |window: Window| expired.is_none_or(|start| window.start >= start);
        let mut readers = Vec::new();
        for (at, (rows, per_chunk)) in inputs.iter().enumerate() {
            let path = format!("{at}.run");
            write(&vfs, &path, rows, *per_chunk);
            readers.push(open(&vfs, &path).unwrap());
        }
        let readers: Vec<&RunReader> = readers.iter().collect();
        merge(&vfs, &readers, keep).unwrap();
        let merged = open(&vfs, "merged.run").unwrap();
        let inputs: Vec<Rows> = inputs.into_iter().map(|(rows, _)| rows).collect();
        prop_assert_eq!(scan(&merged).unwrap(), union(&inputs, keep));
        merged.verify().unwrap();
    }
}
