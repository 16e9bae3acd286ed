use std::collections::VecDeque;

use super::*;
use crate::bits::crc32c;
use crate::model::{Exemplar, Generation, Labels, NamespaceId, TimeRange};
use crate::vfs::SplitMix64;

const GOLDEN: &[u8] = include_bytes!("../../tests/testdata/v1/exemplars.file");

fn series(number: u64) -> Labels {
    let host = format!("host{number}");
    Labels::from_pairs([("__name__", "latency_bucket"), ("host", &host)]).unwrap()
}

fn exemplar(timestamp: i64, value: f64, trace: &str) -> Exemplar {
    Exemplar {
        labels: Labels::from_pairs([("trace_id", trace)]).unwrap(),
        value,
        timestamp,
    }
}

/// What the ring is meant to be: the plainest list that can be.
#[derive(Debug, Default)]
struct Model {
    held: VecDeque<(Labels, Generation, Exemplar)>,
}

impl Model {
    fn append(&mut self, limit: usize, one: (Labels, Generation, Exemplar)) -> bool {
        let same = |held: &(Labels, Generation, Exemplar)| held.0 == one.0 && held.2 == one.2;
        if self.held.iter().any(same) {
            return false;
        }
        self.held.push_back(one);
        while self.held.len() > limit {
            self.held.pop_front();
        }
        true
    }

    fn select(&self, range: TimeRange, host: Option<&str>) -> Vec<SeriesExemplars> {
        let mut found: Vec<SeriesExemplars> = Vec::new();
        for (labels, _, exemplar) in &self.held {
            let wanted = host.is_none() || labels.get("host") == host;
            if !wanted || !range.contains(exemplar.timestamp) {
                continue;
            }
            match found.iter_mut().find(|one| one.labels == *labels) {
                Some(one) => one.exemplars.push(exemplar.clone()),
                None => found.push(SeriesExemplars {
                    labels: labels.clone(),
                    exemplars: vec![exemplar.clone()],
                }),
            }
        }
        found.sort_by(|one, other| one.labels.cmp(&other.labels));
        for one in &mut found {
            one.exemplars.sort_by_key(|one| one.timestamp);
        }
        found
    }
}

fn value(random: &mut SplitMix64) -> f64 {
    let bits = [0, 1 << 63, f64::NAN.to_bits(), f64::NAN.to_bits() | 1, 3];
    f64::from_bits(bits[random.index(bits.len())])
}

#[test]
fn the_ring_is_a_list_without_duplicates_that_forgets_its_front() {
    let limits = |exemplars| RingLimits {
        exemplars,
        bytes: usize::MAX,
    };
    for seed in 0..12 {
        let mut random = SplitMix64::new(seed);
        let mut limit = [0, 1, 7, 40][random.index(4)];
        let (mut ring, mut model) = (ExemplarRing::new(limits(limit)), Model::default());
        let (mut generation, mut arrivals) = (Generation(1), 0);
        for _ in 0..1_500 {
            let labels = series(random.below(5));
            match random.below(100) {
                0..90 => {
                    let time = random.below(9).cast_signed() - 4;
                    let trace = ["a", "b", "\u{e9}"][random.index(3)];
                    let one = exemplar(time, value(&mut random), trace);
                    let added = ring.append(&labels, generation, one.clone());
                    assert_eq!(added, model.append(limit, (labels, generation, one)));
                    arrivals += 1;
                }
                90..94 => generation.0 += 1,
                94..98 => {
                    let range = TimeRange::inclusive(-2, random.below(6).cast_signed()).unwrap();
                    let before = Generation(generation.0.saturating_sub(random.below(3)));
                    let deleted = ring.delete(before, range, |found| *found == labels);
                    let had = model.held.len();
                    model.held.retain(|held| {
                        held.0 != labels || held.1 >= before || !range.contains(held.2.timestamp)
                    });
                    assert_eq!(deleted, had - model.held.len());
                }
                _ => {
                    let image = ring.image(NamespaceId(9));
                    let bytes = image.encode();
                    assert_eq!(ExemplarsImage::decode(&bytes).as_ref(), Ok(&image));
                    if random.coin() {
                        limit = (limit + 3) % 41;
                    }
                    ring = ExemplarRing::from_image(limits(limit), image);
                    assert!(!ring.is_unsaved());
                    while model.held.len() > limit {
                        model.held.pop_front();
                    }
                }
            }
            assert_eq!(
                (ring.len(), ring.next_arrival()),
                (model.held.len(), arrivals)
            );
            let range = TimeRange::inclusive(-1, random.below(4).cast_signed()).unwrap();
            for host in [None, Some("host2")] {
                let matches = |labels: &Labels| host.is_none() || labels.get("host") == host;
                let expected = model.select(range, host);
                assert_eq!(ring.has_any(range, matches), !expected.is_empty());
                assert_eq!(ring.select(range, matches), expected);
            }
        }
    }
}

#[test]
fn bytes_bound_the_ring_and_are_told_before_they_are_taken() {
    let limits = RingLimits {
        exemplars: usize::MAX,
        bytes: 100_000,
    };
    let mut ring = ExemplarRing::new(limits);
    assert_eq!(ring.heap_bytes(), 0);
    for at in 0..20_000u64 {
        let (labels, one) = (series(at % 700), exemplar(5, at as f64, "some trace"));
        let text = labels.as_bytes().len() + one.labels.as_bytes().len();
        let (before, told) = (ring.heap_bytes(), ring.growth_bytes(1, text));
        ring.append(&labels, Generation(1), one);
        assert!(
            ring.heap_bytes() <= before + told,
            "{at}: {before} + {told}"
        );
    }
    assert!(ring.len() > 300 && ring.heap_bytes() < 200_000, "{ring:?}");
    // What came last is there.
    let last = ring.select(TimeRange::ALL, |labels| *labels == series(19_999 % 700));
    assert_eq!(
        last[0].exemplars.last(),
        Some(&exemplar(5, 19_999.0, "some trace"))
    );
    ring.delete(Generation(2), TimeRange::ALL, |_| true);
    assert_eq!((ring.len(), ring.text_bytes_for_tests()), (0, 0));
}

#[test]
fn only_logs_that_no_file_covers_are_needed() {
    let limits = RingLimits {
        exemplars: 2,
        bytes: usize::MAX,
    };
    let mut ring = ExemplarRing::new(limits);
    let add = |ring: &mut ExemplarRing, generation, at: i64| {
        ring.append(&series(1), Generation(generation), exemplar(at, 1.0, "a"))
    };
    (1..=4).for_each(|at| assert!(add(&mut ring, 3, at)));
    assert!(add(&mut ring, 4, 5));
    let (image, changes) = (ring.image(NamespaceId(0)), ring.changes());
    assert!(ring.is_unsaved() && ring.needs_log(Generation(3)));
    assert!(add(&mut ring, 4, 6));
    ring.note_saved(changes, image.header.generation);
    // The sixth came while the file was written.
    assert!(ring.is_unsaved() && ring.needs_log(Generation(4)) && !ring.needs_log(Generation(3)));
    ring.note_saved(ring.changes(), Generation(4));
    assert!(!ring.is_unsaved() && !ring.needs_log(Generation(4)));
    // A duplicate needs its log too: what it repeats may not be durable.
    assert!(!add(&mut ring, 5, 6));
    assert!(ring.needs_log(Generation(5)));
}

fn image() -> ExemplarsImage {
    let saved = |series, generation, exemplar| SavedExemplar {
        series,
        generation: Generation(generation),
        exemplar,
    };
    ExemplarsImage {
        header: ExemplarsHeader {
            namespace: NamespaceId(3),
            generation: Generation(12),
            next_arrival: 1_000_000,
            limit: 100_000,
        },
        series: vec![series(2), series(1)],
        exemplars: vec![
            saved(
                0,
                7,
                exemplar(1_700_000_000_123, 0.25, "4bf92f3577b34da6a3ce929d0e0e4736"),
            ),
            saved(
                1,
                7,
                exemplar(-5, f64::from_bits(0x7ff8_0000_0000_0001), "\u{e9}"),
            ),
            saved(
                0,
                9,
                Exemplar {
                    labels: Labels::default(),
                    value: -0.0,
                    timestamp: i64::MIN,
                },
            ),
            saved(0, 12, exemplar(i64::MAX, f64::NEG_INFINITY, "x")),
        ],
    }
}

#[test]
fn the_format_has_not_changed() {
    assert!(image().encode() == GOLDEN);
    assert_eq!(ExemplarsImage::decode(GOLDEN), Ok(image()));
    assert_eq!(ExemplarsHeader::decode(GOLDEN), Ok(image().header));
}

/// Writes the golden file of a new version; refuses to touch one that is there.
#[test]
#[ignore = "run by hand once for each version of the format"]
fn write_golden_files() {
    use crate::vfs::{OsVfs, Vfs, write_all_at};
    let to = OsVfs::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/testdata/v1"));
    let file = to.create(std::path::Path::new("exemplars.file")).unwrap();
    write_all_at(&*file, &image().encode(), 0).unwrap();
}

#[test]
fn every_flipped_bit_and_every_cut_is_found() {
    let bytes = image().encode();
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(ExemplarsImage::decode(&damaged).is_err(), "bit {bit}");
    }
    for len in 0..bytes.len() {
        assert!(
            ExemplarsImage::decode(&bytes[..len]).is_err(),
            "{len} bytes"
        );
    }
    let longer = [&bytes[..], &[0]].concat();
    assert!(ExemplarsImage::decode(&longer).is_err());
}

#[test]
fn every_flipped_bit_under_a_right_checksum_is_survived() {
    let bytes = image().encode();
    let series_at = EXEMPLARS_HEADER_BYTES;
    let series_len = usize::try_from(u64::from_le_bytes(
        bytes[series_at - 20..series_at - 12].try_into().unwrap(),
    ))
    .unwrap();
    let sections = [
        (0, series_at - 4),
        (series_at, series_at + series_len),
        (series_at + series_len + 4, bytes.len() - 4),
    ];
    for (from, to) in sections {
        for bit in from * 8..to * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let crc = crc32c(&damaged[from..to]).to_le_bytes();
            damaged[to..to + 4].copy_from_slice(&crc);
            if let Ok(found) = ExemplarsImage::decode(&damaged) {
                let limits = RingLimits {
                    exemplars: 3,
                    bytes: usize::MAX,
                };
                assert!(ExemplarRing::from_image(limits, found).len() <= 3);
            }
        }
    }
}
