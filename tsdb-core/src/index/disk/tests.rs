mod corruption;
mod golden;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;

use super::list::put_steps;
use super::{IndexError, IndexReader, IndexWriter};
use crate::index::tests::{NAMES, fleet, labels, matcher, naive, series, slots};
use crate::model::{Labels, Matcher, Texts};
use crate::postings::Postings;
use crate::vfs::{File, MemVfs, Vfs, write_all_at};

fn written(series: &[Labels]) -> Vec<u8> {
    let mut writer = IndexWriter::new();
    for (row, labels) in (0..).zip(series) {
        writer.add(row, labels);
    }
    assert_eq!(writer.rows() as usize, series.len());
    let mut out = Vec::new();
    writer.finish(&mut out);
    out
}

fn file(bytes: &[u8]) -> Arc<dyn File> {
    let file = MemVfs::new().create(Path::new("index")).unwrap();
    write_all_at(&*file, bytes, 0).unwrap();
    file.into()
}

fn open(bytes: &[u8]) -> Result<IndexReader, IndexError> {
    IndexReader::open(file(bytes), 0, bytes.len() as u64)
}

fn all_labels(reader: &IndexReader) -> Result<Vec<Labels>, IndexError> {
    let mut found = Vec::new();
    reader.labels_many(0..reader.rows(), |row, labels| {
        assert_eq!(row as usize, found.len());
        found.push(labels);
    })?;
    Ok(found)
}

#[test]
fn an_empty_index_has_nothing() {
    let bytes = written(&[]);
    let reader = open(&bytes).unwrap();
    reader.verify().unwrap();
    assert_eq!(reader.rows(), 0);
    assert!(reader.matches(&[]).unwrap().is_empty());
    assert_eq!(reader.labels(0).unwrap(), None);
    assert_eq!(reader.label_names(None, 9).unwrap(), (Texts::new(), false));
    let values = reader.label_values("a", None, 9).unwrap();
    assert_eq!(values, (Texts::new(), false));
}

#[test]
fn an_index_may_stand_inside_of_a_file() {
    let series: Vec<_> = fleet(300).collect();
    let index = written(&series);
    let mut bytes = b"something before".to_vec();
    let offset = bytes.len() as u64;
    let mut writer = IndexWriter::new();
    for (row, labels) in (0..).zip(&series) {
        writer.add(row, labels);
    }
    writer.finish(&mut bytes);
    assert!(bytes[offset as usize..] == index);
    bytes.extend(b"and behind");
    let reader = IndexReader::open(file(&bytes), offset, index.len() as u64).unwrap();
    reader.verify().unwrap();
    assert!(all_labels(&reader).unwrap() == series);
    let reach = IndexReader::open(file(&bytes), offset, index.len() as u64 + 11).unwrap_err();
    assert!(
        reach.to_string().contains("the file ends before"),
        "{reach}"
    );
}

#[test]
fn a_fleet_is_found_as_by_the_naive_filter_and_takes_few_bytes() {
    let series: Vec<_> = fleet(30_000).collect();
    let bytes = written(&series);
    assert!(bytes.len() < series.len() * 8, "{} bytes", bytes.len());
    let reader = open(&bytes).unwrap();
    reader.verify().unwrap();
    assert!(all_labels(&reader).unwrap() == series);
    let regex = |name: &str, pattern: &str| Matcher::regex(name, pattern).unwrap();
    let not_regex = |name: &str, pattern: &str| Matcher::not_regex(name, pattern).unwrap();
    let cases = [
        vec![],
        vec![Matcher::equal("job", "service-7")],
        vec![
            Matcher::equal("job", "service-7"),
            Matcher::equal("le", "5"),
        ],
        vec![Matcher::not_equal("job", "service-7"), regex("le", "1.")],
        vec![regex("job", "service-(1|2|3)"), not_regex("le", "[0-9]")],
        vec![regex("instance", ".*:9100")],
        vec![regex("instance", ".*\\.7:9.*"), Matcher::equal("le", "83")],
        vec![not_regex("pod", "app-1.*"), Matcher::not_equal("le", "")],
        vec![Matcher::equal("pod", "")],
        vec![not_regex("le", ".+")],
        vec![regex("le", "|1"), regex("nothing", ".*")],
        vec![regex("nothing", ".+")],
    ];
    for matchers in cases {
        let found = slots(&reader.matches(&matchers).unwrap());
        assert!(found == naive(&series, &matchers), "{matchers:?}");
    }
}

/// Values in such numbers that there are several levels, and lists in all forms.
#[test]
fn many_values_make_trees_of_several_levels() {
    let series: Vec<_> = (0..6_000u32)
        .map(|i| {
            let spread = i.wrapping_mul(0x9e37_79b9);
            labels(&[
                ("id", &format!("{spread:08x}{}", "-tail".repeat(100))),
                ("odd", if spread >> 17 & 3 == 0 { "yes" } else { "no" }),
                ("long", if i == 7 { &LONG } else { "short" }),
            ])
        })
        .collect();
    let bytes = written(&series);
    let reader = open(&bytes).unwrap();
    assert!(reader.footer.terms.height >= 2);
    reader.verify().unwrap();
    for (row, labels) in (0..).zip(&series).step_by(997) {
        assert_eq!(reader.labels(row).unwrap().as_ref(), Some(labels));
        let matchers = [Matcher::equal("id", labels.get("id").unwrap())];
        assert_eq!(slots(&reader.matches(&matchers).unwrap()), [row]);
        let prefix = &labels.get("id").unwrap()[..3];
        let matchers = [Matcher::regex("id", format!("{prefix}.*")).unwrap()];
        assert_eq!(
            slots(&reader.matches(&matchers).unwrap()),
            naive(&series, &matchers)
        );
    }
    for value in ["yes", "no"] {
        let matchers = [Matcher::equal("odd", value)];
        assert_eq!(
            slots(&reader.matches(&matchers).unwrap()),
            naive(&series, &matchers)
        );
    }
    let (values, more) = reader.label_values("id", None, 1000).unwrap();
    let sorted: BTreeSet<_> = series
        .iter()
        .map(|labels| labels.get("id").unwrap())
        .collect();
    assert!(more && sorted.into_iter().take(1000).eq(values.iter()));
    assert!(reader.heap_bytes() <= 512 << 10);
    // Rows in any order, twice, and some that are not there.
    let wanted = [5_999, 0, 63, 64, 0, 6_000, u32::MAX, 1_234];
    let mut found = Vec::new();
    reader
        .labels_many(wanted, |row, labels| found.push((row, labels)))
        .unwrap();
    let expected: Vec<_> = [5_999, 0, 63, 64, 0, 1_234]
        .map(|row| (row, series[row as usize].clone()))
        .into();
    assert_eq!(found, expected);
}

static LONG: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| "v".repeat(100_000));

#[test]
fn looking_up_reads_little() {
    let series: Vec<_> = (0..30_000u32)
        .map(|i| labels(&[("id", &format!("{:08x}", i.wrapping_mul(0x9e37_79b9)))]))
        .collect();
    let bytes = written(&series);
    let counting = Arc::new(Counting {
        bytes,
        read: 0.into(),
    });
    let len = counting.bytes.len() as u64;
    let file: Arc<dyn File> = Arc::clone(&counting) as _;
    let read = || counting.read.swap(0, std::sync::atomic::Ordering::Relaxed);
    let reader = IndexReader::open(file, 0, len).unwrap();
    assert_eq!(read(), crate::index::INDEX_FOOTER_BYTES as u64);
    let matchers = [Matcher::equal("id", series[4_321].get("id").unwrap())];
    assert_eq!(slots(&reader.matches(&matchers).unwrap()), [4_321]);
    let first = read();
    assert!((1..40_000).contains(&first), "{first} bytes");
    reader.matches(&matchers).unwrap();
    assert_eq!(read(), 0, "the parts are kept");
    reader.labels(29_999).unwrap();
    let labels = read();
    assert!((1..40_000).contains(&labels), "{labels} bytes");
}

#[derive(Debug)]
struct Counting {
    bytes: Vec<u8>,
    read: std::sync::atomic::AtomicU64,
}

impl File for Counting {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> std::io::Result<usize> {
        let from = self.bytes.get(offset as usize..).unwrap_or_default();
        let len = from.len().min(buf.len());
        buf[..len].copy_from_slice(&from[..len]);
        self.read
            .fetch_add(len as u64, std::sync::atomic::Ordering::Relaxed);
        Ok(len)
    }
    fn write_at(&self, _: &[u8], _: u64) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
    fn len(&self) -> std::io::Result<u64> {
        Ok(self.bytes.len() as u64)
    }
    fn set_len(&self, _: u64) -> std::io::Result<()> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
    fn allocate(&self, _: u64) -> std::io::Result<()> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
    fn sync(&self) -> std::io::Result<()> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
}

fn rows() -> impl Strategy<Value = BTreeSet<u32>> {
    let steps = (
        0u32..200,
        1u32..70,
        prop::sample::select(vec![1u32, 1, 2, 3, 84]),
    );
    prop::collection::vec(steps, 1..12).prop_map(|steps| {
        let (mut rows, mut next) = (BTreeSet::new(), 0);
        for (gap, count, stride) in steps {
            next += gap;
            for _ in 0..count {
                rows.insert(next);
                next += stride;
            }
        }
        rows
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn lists_come_back(rows in rows()) {
        let sorted: Vec<u32> = rows.iter().copied().collect();
        let count = sorted.last().unwrap() + 1;
        let mut steps = Vec::new();
        put_steps(&mut steps, &sorted);
        let set = super::list::inline_postings(&steps, count).unwrap();
        prop_assert!(set.iter().eq(rows.iter().copied()));
        prop_assert!(super::list::inline_postings(&steps, count - 1).is_err());
    }

    #[test]
    fn rows_come_back(rows in prop::collection::vec(
        prop::collection::btree_set(0u32..1000, 0..70), 1..20)
    ) {
        let rows: Vec<Vec<u32>> = rows.into_iter().map(|row| row.into_iter().collect()).collect();
        let (mut bytes, mut before) = (Vec::new(), Vec::new());
        for row in &rows {
            super::row::put_row(&mut bytes, &before, row);
            before.clone_from(row);
        }
        let mut reader = crate::bits::ByteReader::new(&bytes);
        let (mut row, mut scratch) = (Vec::new(), Vec::new());
        for expected in &rows {
            super::row::take_row(&mut reader, &mut row, &mut scratch, 1000).unwrap();
            prop_assert_eq!(&row, expected);
        }
        prop_assert!(reader.is_empty());
    }

    #[test]
    fn matching_is_the_naive_filter(
        series in series(),
        queries in prop::collection::vec(prop::collection::vec(matcher(), 0..4), 1..6),
    ) {
        let bytes = written(&series);
        let reader = open(&bytes).unwrap();
        reader.verify().unwrap();
        prop_assert_eq!(all_labels(&reader).unwrap(), series.clone());
        for matchers in queries {
            let set = reader.matches(&matchers).unwrap();
            prop_assert_eq!(slots(&set), naive(&series, &matchers), "{:?}", matchers);
            check_names_and_values(&reader, &series, &set)?;
        }
        let all = (0..series.len() as u32).collect();
        check_names_and_values(&reader, &series, &all)?;
        let names: BTreeSet<_> = series.iter().flatten().map(|label| label.name).collect();
        let found = reader.label_names(None, usize::MAX).unwrap();
        prop_assert!(!found.1 && found.0.iter().eq(names.iter().copied()));
        let cut = reader.label_names(None, 1).unwrap();
        prop_assert!(cut.1 == (names.len() > 1) && cut.0.iter().eq(names.iter().copied().take(1)));
    }
}

fn check_names_and_values(
    reader: &IndexReader,
    series: &[Labels],
    set: &Postings,
) -> Result<(), TestCaseError> {
    let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for slot in set {
        for label in &series[slot as usize] {
            values.entry(label.name).or_default().insert(label.value);
        }
    }
    let names = reader.label_names(Some(set), usize::MAX).unwrap();
    prop_assert!(!names.1 && names.0.iter().eq(values.keys().copied()));
    for name in NAMES {
        let all: Vec<_> = values
            .remove(name)
            .unwrap_or_default()
            .into_iter()
            .collect();
        let (found, more) = reader.label_values(name, Some(set), usize::MAX).unwrap();
        prop_assert!(!more && found.iter().eq(all.iter().copied()));
        let (cut, more) = reader.label_values(name, Some(set), 2).unwrap();
        prop_assert!(cut.iter().eq(all.iter().copied().take(2)) && more == (all.len() > 2));
    }
    Ok(())
}
