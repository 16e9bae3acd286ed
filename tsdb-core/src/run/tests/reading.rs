use proptest::prelude::*;

use super::*;
use crate::run::{ChunkRef, parse_run_file_name, publish, run_file_name, temporary_path};
use crate::vfs::FaultVfs;

fn wide_rows(series: u64) -> Rows {
    let window = window(0, 7_200_000);
    let mut rows = Rows::new();
    for id in 0..series {
        let times = [id as i64 % 1000, 7_000_000 + id as i64 % 1000];
        rows.entry(window)
            .or_default()
            .insert(key((id / 4000) as u32, id * 3), row(times, 1.0));
    }
    rows
}

#[test]
fn what_is_written_is_read_in_every_way() {
    let vfs = MemVfs::new();
    let rows = small_rows();
    let written = write(&vfs, PATH, &rows, 3);
    let reader = open(&vfs, PATH).unwrap();
    assert_eq!(*reader.meta(), written);
    assert_eq!(reader.meta().header, header());
    assert_eq!(reader.meta().samples(), 2 + 4 * 7 + 3);
    assert_eq!(reader.meta().time_range(), Some((-7_200_000, 7_199_999)));
    let [first, second] = reader.sections().unwrap() else {
        panic!("two sections")
    };
    assert_eq!((first.series, first.chunks, first.samples), (1, 1, 2));
    assert_eq!((second.series, second.chunks, second.samples), (5, 13, 31));
    assert_eq!(
        (second.first_series, second.last_series),
        (SeriesId(1), SeriesId(1 << 40))
    );

    assert_eq!(scan(&reader).unwrap(), rows);
    let keys = reader.ids(TimeRange::ALL).unwrap();
    assert_eq!(
        keys,
        [key(0, 1), key(0, 2), key(0, 9), key(0, 1 << 40), key(4, 3)]
    );
    assert_eq!(look_up(&reader, &keys, TimeRange::ALL).unwrap(), rows);
    let totals = reader.verify().unwrap();
    assert_eq!((totals.series, totals.chunks, totals.samples), (6, 14, 33));
}

#[test]
fn chunks_of_a_row_are_found_and_read() {
    let vfs = MemVfs::new();
    write(&vfs, PATH, &small_rows(), 3);
    let reader = open(&vfs, PATH).unwrap();
    let chunks = reader.chunks_of(1, key(0, 9)).unwrap();
    let times: Vec<(i64, i64)> = chunks
        .iter()
        .map(|chunk| (chunk.meta.min_time, chunk.meta.max_time))
        .collect();
    assert_eq!(times, [(0, 30_000), (45_001, 75_001), (90_000, 90_000)]);
    let bytes = reader.read_chunk(&chunks[2]).unwrap();
    assert_eq!(bytes, chunk_of(&[(90_000, 15f64.to_bits())], 0).1);
    assert_eq!(reader.chunks_of(1, key(4, 3)).unwrap()[0].meta.epoch, 4);
    for absent in [key(0, 0), key(0, 3), key(0, u64::MAX), key(1, 9), key(5, 0)] {
        assert_eq!(reader.chunks_of(1, absent).unwrap(), []);
    }
    assert!(matches!(
        reader.chunks_of(2, key(0, 9)),
        Err(RunError::Refused { .. })
    ));
}

#[test]
fn a_range_selects_rows_and_chunks() {
    let vfs = MemVfs::new();
    write(&vfs, PATH, &small_rows(), 3);
    let reader = open(&vfs, PATH).unwrap();
    let ids = |min, max| reader.ids(TimeRange::inclusive(min, max).unwrap()).unwrap();
    assert_eq!(ids(-10, -1), [key(0, 2)]);
    assert_eq!(ids(100_000, i64::MAX), [key(4, 3)]);
    assert_eq!(ids(7_200_000, i64::MAX), []);
    assert_eq!(ids(30_001, 45_000), [key(4, 3)]);
    let range = TimeRange::inclusive(45_001, 45_001).unwrap();
    let found = look_up(&reader, &[key(0, 1), key(0, 3), key(0, 9)], range).unwrap();
    let found = &found[&window(0, 7_200_000)];
    assert_eq!(
        found.keys().copied().collect::<Vec<_>>(),
        [key(0, 1), key(0, 9)]
    );
    assert_eq!(
        found[&key(0, 9)].keys().copied().collect::<Vec<_>>(),
        [45_001, 60_000, 75_001]
    );
}

#[test]
fn of_some_rows_those_present_are_told() {
    let vfs = MemVfs::new();
    write(&vfs, PATH, &wide_rows(10_000), 1);
    let reader = open(&vfs, PATH).unwrap();
    let all = reader.ids(TimeRange::ALL).unwrap();
    let early = TimeRange::inclusive(i64::MIN, 499).unwrap();
    for step in [1, 7, 1000, 3333] {
        let asked: Vec<RowKey> = all.iter().copied().step_by(step).collect();
        assert_eq!(reader.present(&asked, TimeRange::ALL).unwrap(), asked);
        let expected: Vec<RowKey> = asked
            .iter()
            .copied()
            .filter(|key| (key.series.0 / 3) % 1000 < 500)
            .collect();
        assert_eq!(reader.present(&asked, early).unwrap(), expected);
    }
    assert_eq!(
        reader
            .present(&[key(0, 1), key(9, 0)], TimeRange::ALL)
            .unwrap(),
        []
    );
}

#[test]
fn reading_stops_when_asked_to() {
    let vfs = MemVfs::new();
    write(&vfs, PATH, &small_rows(), 3);
    let reader = open(&vfs, PATH).unwrap();
    let mut seen = 0;
    let keys = reader.ids(TimeRange::ALL).unwrap();
    reader
        .read_series(&keys, TimeRange::ALL, |_, _, _| {
            seen += 1;
            if seen == 2 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })
        .unwrap();
    assert_eq!(seen, 2);
}

#[test]
fn many_pages_and_shards_are_read_back() {
    let vfs = MemVfs::new();
    let rows = wide_rows(10_000);
    write(&vfs, PATH, &rows, 1);
    let reader = open(&vfs, PATH).unwrap();
    assert_eq!(scan(&reader).unwrap(), rows);
    let all: Vec<RowKey> = rows.values().next().unwrap().keys().copied().collect();
    assert_eq!(reader.ids(TimeRange::ALL).unwrap(), all);
    assert_eq!(look_up(&reader, &all, TimeRange::ALL).unwrap(), rows);
    let late = TimeRange::inclusive(7_000_990, 7_000_990).unwrap();
    let expected: Vec<RowKey> = all
        .iter()
        .copied()
        .filter(|key| (key.series.0 / 3) % 1000 == 990)
        .collect();
    assert_eq!(reader.ids(late).unwrap(), expected);
    for at in [0, 1, 777, 3999, 4000, 9_999] {
        let chunks = reader.chunks_of(0, all[at]).unwrap();
        assert!(
            chunks.len() == 2 && chunks.iter().all(|chunk| chunk.key == all[at]),
            "{at}"
        );
    }
    reader.verify().unwrap();
}

#[test]
fn a_row_may_fill_several_pages() {
    let vfs = MemVfs::new();
    let window = window(0, 7_200_000);
    let mut rows = Rows::new();
    let series = rows.entry(window).or_default();
    series.insert(key(0, 1), row([7], 1.0));
    series.insert(key(0, 2), row((0..3000).map(|at| at * 1000), 1.0));
    series.insert(key(0, 3), row([8], 1.0));
    write(&vfs, PATH, &rows, 1);
    let reader = open(&vfs, PATH).unwrap();
    assert!(
        reader.section(0).unwrap().1.len() >= 3,
        "the row fills several pages"
    );
    let chunks: Vec<ChunkRef> = reader.chunks_of(0, key(0, 2)).unwrap();
    assert_eq!(chunks.len(), 3000);
    assert!(chunks.is_sorted_by(|a, b| a.meta.max_time < b.meta.min_time));
    assert_eq!(
        look_up(&reader, &[key(0, 2), key(0, 3)], TimeRange::ALL).unwrap()[&window].len(),
        2
    );
    assert_eq!(scan(&reader).unwrap(), rows);
}

#[test]
fn a_directory_of_several_batches_is_read_back() {
    let vfs = MemVfs::new();
    let path = Path::new(PATH);
    let mut writer = RunWriter::create(path, vfs.create(path).unwrap(), header()).unwrap();
    writer.section(window(0, 7_200_000)).unwrap();
    let (mut meta, bytes) = chunk_of(&[(0, 0)], 0);
    (meta.min_time, meta.max_time) = (3_000_000, 6_000_000);
    for series in 0..100_000 {
        writer.chunk(key(0, series), &meta, &bytes).unwrap();
    }
    writer.finish().unwrap();
    let reader = open(&vfs, PATH).unwrap();
    let (_, pages) = reader.section(0).unwrap();
    let jumps = pages
        .windows(2)
        .filter(|pair| pair[0].end() != pair[1].offset)
        .count();
    assert_eq!(jumps, 1, "the pages lie in two batches");
    let keys = reader.ids(TimeRange::ALL).unwrap();
    assert!(keys.len() == 100_000 && keys.is_sorted());
}

#[test]
fn an_empty_run_and_empty_sections_are_fine() {
    let vfs = MemVfs::new();
    let path = Path::new(PATH);
    let mut writer = RunWriter::create(path, vfs.create(path).unwrap(), header()).unwrap();
    writer.section(window(0, 10)).unwrap();
    writer.section(window(10, 10)).unwrap();
    assert_eq!(writer.finish().unwrap().time_range(), None);
    let reader = open(&vfs, PATH).unwrap();
    assert_eq!(reader.sections().unwrap(), []);
    assert_eq!(reader.ids(TimeRange::ALL).unwrap(), []);
    reader.verify().unwrap();
}

#[test]
fn the_writer_refuses_what_breaks_the_order() {
    let vfs = MemVfs::new();
    let path = Path::new(PATH);
    let mut writer = RunWriter::create(path, vfs.create(path).unwrap(), header()).unwrap();
    let (meta, bytes) = chunk_of(&[(10, 1), (20, 2)], 0);
    let refusal = |result: Result<(), RunError>| match result {
        Err(RunError::Refused { what, .. }) => what,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        refusal(writer.chunk(key(0, 1), &meta, &bytes)),
        "a chunk outside a section"
    );
    writer.section(window(0, 100)).unwrap();
    writer.chunk(key(0, 5), &meta, &bytes).unwrap();
    assert_eq!(
        refusal(writer.chunk(key(0, 5), &meta, &bytes)),
        "chunks out of order"
    );
    assert_eq!(
        refusal(writer.chunk(key(0, 4), &meta, &bytes)),
        "chunks out of order"
    );
    let outside = ChunkMeta {
        max_time: 100,
        ..meta
    };
    let what = refusal(writer.chunk(key(0, 6), &outside, &bytes));
    assert_eq!(what, "times of a chunk outside its window");
    let empty = ChunkMeta { count: 0, ..meta };
    assert_eq!(
        refusal(writer.chunk(key(0, 6), &empty, &bytes)),
        "a chunk without samples"
    );
    writer.chunk(key(1, 0), &meta, &bytes).unwrap();
    assert_eq!(
        refusal(writer.section(window(0, 100))),
        "windows out of order"
    );
    assert_eq!(
        refusal(writer.section(window(0, 99))),
        "windows out of order"
    );
    writer.section(window(0, 101)).unwrap();
}

#[test]
fn a_published_file_has_its_lasting_name() {
    let vfs = MemVfs::new();
    vfs.create_dir(Path::new("runs")).unwrap();
    let path = Path::new("runs/7.run");
    let temporary = temporary_path(path);
    assert_eq!(temporary, Path::new("runs/7.run.tmp"));
    vfs.create(&temporary).unwrap();
    publish(&vfs, &temporary, path).unwrap();
    assert_eq!(vfs.list(Path::new("runs")).unwrap(), ["7.run"]);
    assert!(publish(&vfs, &temporary, path).is_err());
}

#[test]
fn file_names_are_told_from_others() {
    assert_eq!(run_file_name(RunId(17)), "17.run");
    for id in [0, 17, u64::MAX] {
        assert_eq!(
            parse_run_file_name(&run_file_name(RunId(id))),
            Some(RunId(id))
        );
    }
    for other in [
        "",
        ".run",
        "17",
        "17.run.tmp",
        "+17.run",
        "017.run",
        "-1.run",
        "x.run",
    ] {
        assert_eq!(parse_run_file_name(other), None, "{other}");
    }
}

/// Cuts the power before each operation of writing and publishing a run.
#[test]
fn a_crash_leaves_a_whole_run_or_none() {
    let path = Path::new("7.run");
    let temporary = temporary_path(path);
    let attempt = |vfs: &FaultVfs| {
        let file = vfs.create(&temporary).ok()?;
        let mut writer = RunWriter::create(&temporary, file, header()).ok()?;
        for (window, series) in small_rows() {
            writer.section(window).ok()?;
            for (key, samples) in series {
                let samples: Vec<(i64, u64)> = samples.into_iter().collect();
                let (meta, bytes) = chunk_of(&samples, 0);
                writer.chunk(key, &meta, &bytes).ok()?;
            }
        }
        writer.finish().ok()?;
        publish(vfs, &temporary, path).ok()
    };
    for operation in 1.. {
        let vfs = FaultVfs::new(operation);
        vfs.crash_at_operation(operation);
        let done = attempt(&vfs).is_some();
        for seed in 0..10 {
            let after = vfs.power_cut(seed);
            let there = after
                .list(Path::new(""))
                .unwrap()
                .contains(&"7.run".to_owned());
            assert!(there || !done, "a published run stays");
            if there {
                let file = after.open(path, OpenMode::Read).unwrap();
                RunReader::open(path, file).unwrap().verify().unwrap();
            }
        }
        if done {
            assert!(
                operation > 5,
                "create, write, sync, rename, sync of the folder"
            );
            return;
        }
    }
}

proptest! {
    #[test]
    fn any_rows_come_back(rows in rows(), per_chunk in 1usize..9) {
        let vfs = MemVfs::new();
        write(&vfs, PATH, &rows, per_chunk);
        let reader = open(&vfs, PATH).unwrap();
        prop_assert_eq!(scan(&reader).unwrap(), rows.clone());
        let keys = reader.ids(TimeRange::ALL).unwrap();
        prop_assert_eq!(look_up(&reader, &keys, TimeRange::ALL).unwrap(), rows);
        reader.verify().unwrap();
    }
}

/// Rows of a few windows of two lengths, with few ids and times so that runs collide.
pub(super) fn rows() -> impl Strategy<Value = Rows> {
    let value = prop_oneof![
        Just(crate::model::STALE_NAN_BITS),
        (0u32..4).prop_map(|value| f64::from(value).to_bits()),
        any::<u64>(),
    ];
    let sample = (0i64..2, -2i64..3, 0u32..3, 0u64..5, 0i64..60, value);
    prop::collection::vec(sample, 0..200).prop_map(|samples| {
        let mut rows = Rows::new();
        for (length, number, shard, series, time, bits) in samples {
            let window = window(number * 60, 60 + length * 60);
            let row = rows
                .entry(window)
                .or_default()
                .entry(key(shard, series))
                .or_default();
            row.insert(window.start + time, bits);
        }
        rows
    })
}
