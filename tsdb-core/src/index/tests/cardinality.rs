use super::*;
use crate::index::{Cardinality, Counted, CountedPair, IndexReader, IndexWriter};
use crate::vfs::{MemVfs, Vfs, write_all_at};

/// Counted and sorted by hand.
fn expected(series: &[Labels], top: usize, label: Option<&str>) -> Cardinality {
    let mut pairs: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for label in series.iter().flatten() {
        *pairs.entry((label.name, label.value)).or_default() += 1;
        values.entry(label.name).or_default().insert(label.value);
    }
    let first = |mut all: Vec<Counted>| {
        all.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.text.cmp(&b.text)));
        all.truncate(top);
        all
    };
    let of_name = |name: &str| {
        let of_name = pairs.iter().filter(|((of, _), _)| *of == name);
        let counted = of_name.map(|((_, value), count)| Counted {
            text: (*value).to_owned(),
            count: *count,
        });
        first(counted.collect())
    };
    let mut sorted: Vec<_> = pairs.iter().collect();
    sorted.sort_by(|a, b| b.1.cmp(a.1).then_with(|| a.0.cmp(b.0)));
    sorted.truncate(top);
    let counted = sorted
        .into_iter()
        .map(|((name, value), series)| CountedPair {
            name: (*name).to_owned(),
            value: (*value).to_owned(),
            series: *series,
        });
    let names = values.iter().map(|(name, values)| Counted {
        text: (*name).to_owned(),
        count: values.len() as u64,
    });
    Cardinality {
        series: series.len() as u64,
        label_names: values.len() as u64,
        label_pairs: pairs.len() as u64,
        metrics: of_name("__name__"),
        values_of_names: first(names.collect()),
        pairs: counted.collect(),
        series_of_values: label.map(of_name).unwrap_or_default(),
    }
}

fn on_disk(series: &[Labels]) -> IndexReader {
    let mut writer = IndexWriter::new();
    for (row, labels) in (0..).zip(series) {
        writer.add(row, labels);
    }
    let mut bytes = Vec::new();
    writer.finish(&mut bytes);
    let file = MemVfs::new().create(std::path::Path::new("index")).unwrap();
    write_all_at(&*file, &bytes, 0).unwrap();
    IndexReader::open(file.into(), 0, bytes.len() as u64).unwrap()
}

#[test]
fn a_fleet_is_counted() {
    let series: Vec<_> = fleet(2500).collect();
    let index = index(&series);
    for label in [None, Some("le"), Some("absent")] {
        let expected = expected(&series, 4, label);
        assert_eq!(index.cardinality(4, label), expected);
        assert_eq!(on_disk(&series).cardinality(4, label).unwrap(), expected);
    }
    let found = index.cardinality(3, Some("job"));
    assert_eq!(found.values_of_names[0].text, "le");
    assert_eq!(
        found.series_of_values[0],
        Counted {
            text: "service-0".into(),
            count: 1000
        }
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn counts_are_those_made_by_hand(series in series(), top in 0usize..6) {
        let index = index(&series);
        let disk = on_disk(&series);
        for label in [None, Some("a"), Some("__name__")] {
            let expected = expected(&series, top, label);
            prop_assert_eq!(&index.cardinality(top, label), &expected);
            prop_assert_eq!(&disk.cardinality(top, label).unwrap(), &expected);
        }
    }
}
