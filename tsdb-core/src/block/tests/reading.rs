use super::*;
use crate::model::Matcher;
use proptest::prelude::*;

/// Whatever way it is read, a block holds what was written.
fn check(rows: &Rows, window: Window, seal: impl Fn(&Rows) -> Sealing, seed: u64) {
    let vfs = MemVfs::new();
    let meta = write(&vfs, rows, window, seal(rows));
    let reader = Arc::new(open(&vfs).unwrap());
    assert_eq!(*reader.meta(), meta);
    let count = |rows: &Rows| rows.values().map(|row| row.1.len() as u64).sum::<u64>();
    assert_eq!(
        (u64::from(meta.rows), meta.samples),
        (rows.len() as u64, count(rows))
    );
    assert_eq!(scan(&reader, key(0)).unwrap(), *rows);
    let totals = reader.verify().unwrap();
    assert_eq!(
        (totals.rows, totals.samples),
        (rows.len() as u64, count(rows))
    );
    let mut random = SplitMix64::new(seed);
    for _ in 0..8 {
        let middle = rows.keys().nth(random.index(rows.len())).unwrap();
        let rest: Rows = rows.range(middle..).map(|(k, v)| (*k, v.clone())).collect();
        assert_eq!(scan(&reader, *middle).unwrap(), rest);
        let place = rows.keys().position(|key| key == middle).unwrap();
        assert_eq!(reader.find(*middle).unwrap(), Some(place as u32));
        let ends = [0, 1].map(|_| random.between(meta.min_time - 5, meta.max_time + 5));
        let range = TimeRange::inclusive(ends[0].min(ends[1]), ends[0].max(ends[1])).unwrap();
        let wanted: Vec<u32> = (0..meta.rows).filter(|_| random.coin()).collect();
        let mut expected = Rows::new();
        for &row in &wanted {
            let (key, (labels, samples)) = rows.iter().nth(row as usize).unwrap();
            let mut samples = samples.clone();
            samples.retain(|sample| range.contains(sample.0));
            if !samples.is_empty() {
                expected.insert(*key, (labels.clone(), samples));
            }
        }
        assert_eq!(look_up(&reader, &wanted, range).unwrap(), expected);
    }
}

#[test]
fn what_is_written_is_read() {
    for seed in 0..30 {
        let rows = some_rows(seed, 1 + seed * 7, window(), 700);
        check(&rows, window(), |_| Sealing::Fresh, seed);
        check(&rows, window(), dense, seed);
    }
}

#[test]
fn rows_of_many_pages_and_groups_of_many_rows() {
    let month = Window::of(START, 512 * HOUR_MS);
    let rows = some_rows(5, 12, month, 40_000);
    assert!(rows.values().any(|row| row.1.len() > 8 * PAGE_SAMPLES_MAX));
    check(&rows, month, dense, 5);
    check(
        &rows,
        Window {
            start: i64::MIN,
            last: i64::MAX,
        },
        |_| Sealing::Fresh,
        6,
    );
    let rows = some_rows(6, 3_000, window(), 3);
    check(&rows, window(), dense, 6);
}

#[test]
fn labels_find_rows() {
    let vfs = MemVfs::new();
    let rows = some_rows(0, 60, window(), 3);
    write(&vfs, &rows, window(), Sealing::Fresh);
    let reader = open(&vfs).unwrap();
    let all: Vec<&Labels> = rows.values().map(|row| &row.0).collect();
    for matchers in [
        vec![],
        vec![Matcher::equal("host", "host3")],
        vec![
            Matcher::regex("host", "host1.").unwrap(),
            Matcher::not_equal("__name__", "up"),
        ],
    ] {
        let matching = |labels: &Labels| {
            let mut all = matchers.iter();
            all.all(|one| one.matches(labels.get(one.name()).unwrap_or("")))
        };
        let wanted = (0u32..).zip(&all).filter(|(_, labels)| matching(labels));
        let wanted: Vec<u32> = wanted.map(|(row, _)| row).collect();
        let found: Vec<u32> = reader.matches(&matchers).unwrap().iter().collect();
        assert_eq!(found, wanted, "{matchers:?}");
    }
    let (names, more) = reader.label_names(None, 10).unwrap();
    assert!(!more && names == ["__name__", "host"], "{names:?}");
    let (values, more) = reader.label_values("__name__", None, 2).unwrap();
    assert!(more && values == ["cpu", "mem"], "{values:?}");
    assert!(reader.labels(60).is_err());
}

#[test]
fn what_has_no_place_in_a_block_is_refused() {
    let vfs = MemVfs::new();
    let file = vfs.create(Path::new(PATH)).unwrap();
    let mut writer =
        BlockWriter::create(Path::new(PATH), file, header(window()), Sealing::Fresh).unwrap();
    let first = window().start;
    let refused = |result: Result<(), BlockError>| match result.unwrap_err() {
        BlockError::Refused { what, .. } => what,
        other => panic!("{other}"),
    };
    writer.row(key(5), &labels(5), &[first], &[1.0]).unwrap();
    for (series, times, values, what) in [
        (5, vec![first], vec![1.0], "rows out of order"),
        (6, vec![], vec![], "a row without samples"),
        (
            6,
            vec![first],
            vec![],
            "timestamps and values of different number",
        ),
        (
            6,
            vec![first, first],
            vec![1.0; 2],
            "timestamps that do not rise",
        ),
        (
            6,
            vec![first - 1],
            vec![1.0],
            "times of a row outside the window",
        ),
    ] {
        let result = writer.row(key(series), &labels(series), &times, &values);
        assert_eq!(refused(result), what);
    }
    assert_eq!(writer.finish().unwrap().unwrap().samples, 1);
    assert_eq!(open(&vfs).unwrap().verify().unwrap().samples, 1);
}

#[test]
fn equal_columns_and_constant_pages_cost_next_to_nothing() {
    // 400 series of one target, of which every fifth counts; jitter of some milliseconds.
    let mut random = SplitMix64::new(1);
    let times: Vec<i64> = (0..480)
        .map(|at| window().start + at * 15_000 + random.between(0, 5))
        .collect();
    let mut rows = Rows::new();
    for series in 0..400u64 {
        let mut level = 0;
        let samples = times.iter().map(|&t| {
            level += if series % 5 == 0 {
                random.below(200)
            } else {
                0
            };
            (t, (level as f64).to_bits())
        });
        rows.insert(key(series), (labels(series), samples.collect()));
    }
    let vfs = MemVfs::new();
    let meta = write(&vfs, &rows, window(), Sealing::Fresh);
    let footer = open(&vfs).unwrap();
    let labels_at = footer.footer().unwrap().labels.offset;
    let bytes_a_sample = labels_at as f64 / meta.samples as f64;
    // Eighty pages of about seven bits a sample; 320 rows of 4 bytes; one column of times.
    println!("{bytes_a_sample} B a sample without labels");
    assert!(bytes_a_sample < 0.23, "{bytes_a_sample}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_rows_come_back(seed in any::<u64>(), count in 1u64..50, most in 1usize..1500) {
        let rows = some_rows(seed >> 1, count, window(), most);
        check(&rows, window(), if seed & 1 == 0 { dense } else { |_: &Rows| Sealing::Fresh }, seed);
    }
}

/// Found by the simulation: a table that grew did not find again what it held before.
#[test]
fn equal_pages_are_found_however_many_there_are() {
    let times: Vec<i64> = (0..100).map(|at| window().start + at * 10_000).collect();
    let block = |repeats: u64| {
        let mut rows = Rows::new();
        for series in 0..100 * repeats {
            // A hundred distinct pages and columns, one after another, and then the same again.
            let distinct = series as usize % 100;
            let value = |at: usize| ((at + distinct) * (at + distinct) % 97) as f64 / 10.0;
            let kept = |at: &usize| *at != distinct;
            let samples = (0..100).filter(kept);
            let samples = samples.map(|at| (times[at], value(at).to_bits()));
            rows.insert(key(series), (labels(series), samples.collect()));
        }
        let vfs = MemVfs::new();
        write(&vfs, &rows, window(), Sealing::Fresh);
        let reader = Arc::new(open(&vfs).unwrap());
        assert_eq!(scan(&reader, key(0)).unwrap(), rows);
        reader.meta().bytes
    };
    let (once, thrice) = (block(1), block(3));
    assert!(
        thrice < once + once / 2,
        "{once} bytes, and {thrice} for three times the rows"
    );
}
