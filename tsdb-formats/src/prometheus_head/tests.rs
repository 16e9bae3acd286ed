use std::path::Path;
use std::sync::Arc;

use tsdb_core::Vfs;
use tsdb_core::bits::{crc32c, put_ivarint, put_uvarint};
use tsdb_core::model::{
    BucketSpan, CUSTOM_BUCKETS_SCHEMA, Histogram, HistogramCounts, Labels, ResetHint, Sample,
};
use tsdb_core::vfs::{MemVfs, write_all_at};

use super::{Head, HeadSeries};
use crate::prometheus_block::BlockError;

const PAGE: usize = 32 << 10;

fn put_big(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.swap_bytes().to_le_bytes());
}

/// A log as Prometheus writes it: records cut into fragments at the ends of pages.
#[derive(Default)]
struct Log {
    bytes: Vec<u8>,
}

impl Log {
    /// Adds a record whose fragments carry `flags`.
    fn push(&mut self, flags: u8, record: &[u8]) {
        let (mut rest, mut first) = (record, true);
        loop {
            let mut room = PAGE - self.bytes.len() % PAGE;
            if room <= 7 {
                self.bytes.resize(self.bytes.len() + room, 0);
                room = PAGE;
            }
            let (part, left) = rest.split_at(rest.len().min(room - 7));
            rest = left;
            let kind = match (first, rest.is_empty()) {
                (true, true) => 1,
                (true, false) => 2,
                (false, false) => 3,
                (false, true) => 4,
            };
            first = false;
            self.bytes.push(kind | flags);
            let len = u16::try_from(part.len()).expect("a short part");
            self.bytes
                .extend_from_slice(&len.swap_bytes().to_le_bytes());
            self.bytes
                .extend_from_slice(&crc32c(part).swap_bytes().to_le_bytes());
            self.bytes.extend_from_slice(part);
            if rest.is_empty() {
                return;
            }
        }
    }

    /// Ends the page, as Prometheus does when it goes on in the next segment.
    fn padded(mut self) -> Vec<u8> {
        self.bytes
            .resize(self.bytes.len().next_multiple_of(PAGE), 0);
        self.bytes
    }
}

fn labels(name: &str) -> Labels {
    Labels::from_pairs([("__name__", name), ("job", "a")]).expect("labels")
}

fn series_record(series: &[(u64, &str)]) -> Vec<u8> {
    let mut record = vec![1];
    for (reference, name) in series {
        put_big(&mut record, *reference);
        put_uvarint(&mut record, 2);
        for text in ["__name__", name, "job", "a"] {
            put_uvarint(&mut record, text.len() as u64);
            record.extend_from_slice(text.as_bytes());
        }
    }
    record
}

fn samples_record(samples: &[(u64, i64, f64)]) -> Vec<u8> {
    let mut record = vec![2];
    let (reference, time, _) = samples[0];
    put_big(&mut record, reference);
    put_big(&mut record, time.cast_unsigned());
    for (series, at, value) in samples {
        put_ivarint(&mut record, series.wrapping_sub(reference).cast_signed());
        put_ivarint(&mut record, at - time);
        put_big(&mut record, value.to_bits());
    }
    record
}

fn tombstone_record(reference: u64, first: i64, last: i64) -> Vec<u8> {
    let mut record = vec![3];
    put_big(&mut record, reference);
    put_ivarint(&mut record, first);
    put_ivarint(&mut record, last);
    record
}

fn put_histogram(out: &mut Vec<u8>, histogram: &Histogram) {
    out.push(histogram.reset_hint.number());
    put_ivarint(out, i64::from(histogram.schema));
    put_big(out, histogram.zero_threshold.to_bits());
    let spans = |out: &mut Vec<u8>| {
        for spans in [&histogram.positive_spans, &histogram.negative_spans] {
            put_uvarint(out, spans.len() as u64);
            for span in spans {
                put_ivarint(out, i64::from(span.offset));
                put_uvarint(out, u64::from(span.length));
            }
        }
    };
    match &histogram.counts {
        HistogramCounts::Integer {
            count,
            zero_count,
            positive,
            negative,
        } => {
            put_uvarint(out, *zero_count);
            put_uvarint(out, *count);
            put_big(out, histogram.sum.to_bits());
            spans(out);
            for buckets in [positive, negative] {
                put_uvarint(out, buckets.len() as u64);
                buckets.iter().for_each(|one| put_ivarint(out, *one));
            }
        }
        HistogramCounts::Float {
            count,
            zero_count,
            positive,
            negative,
        } => {
            put_big(out, zero_count.to_bits());
            put_big(out, count.to_bits());
            put_big(out, histogram.sum.to_bits());
            spans(out);
            for buckets in [positive, negative] {
                put_uvarint(out, buckets.len() as u64);
                buckets.iter().for_each(|one| put_big(out, one.to_bits()));
            }
        }
    }
    if histogram.schema == CUSTOM_BUCKETS_SCHEMA {
        put_uvarint(out, histogram.custom_values.len() as u64);
        let bounds = histogram.custom_values.iter();
        bounds.for_each(|bound| put_big(out, bound.to_bits()));
    }
}

fn disk(files: &[(&str, Vec<u8>)]) -> Arc<dyn Vfs> {
    let vfs = MemVfs::new();
    for folder in ["", "wal", "wbl"] {
        vfs.create_dir(Path::new(folder)).expect("a folder");
    }
    for (name, bytes) in files {
        let folder = Path::new(name).parent().expect("a folder");
        vfs.create_dir(folder).expect("it is made or there");
        let file = vfs.create(Path::new(name)).expect("a new file");
        write_all_at(&*file, bytes, 0).expect("it is written");
    }
    Arc::new(vfs)
}

/// All batches in one, and what is damaged.
fn read(vfs: &Arc<dyn Vfs>, blocks_end: i64) -> (Vec<HeadSeries>, Vec<BlockError>, Head) {
    let mut head = Head::open(vfs, blocks_end).expect("it opens");
    let (mut all, mut batch) = (Vec::new(), Vec::new());
    loop {
        head.next_batch(&mut batch).expect("a batch");
        if batch.is_empty() {
            break;
        }
        all.append(&mut batch);
    }
    let damage = head.take_damage();
    (all, damage, head)
}

/// Number and labels of a series, and its samples by time and bits.
type Floats = (u64, String, Vec<(i64, u64)>);

fn floats(all: &[HeadSeries]) -> Vec<Floats> {
    let bits = |one: &HeadSeries| {
        let samples = one.samples.samples.iter();
        samples
            .map(|sample| (sample.timestamp, sample.bits()))
            .collect()
    };
    let one = |one: &HeadSeries| (one.reference, one.labels.to_string(), bits(one));
    all.iter().map(one).collect()
}

/// The last checkpoint, the segments behind it, and the log of late samples; what blocks have, what
/// was deleted, and what nobody knows.
#[test]
fn a_log_is_read_in_its_order() {
    let mut old = Log::default();
    old.push(0, &series_record(&[(9, "replaced")]));
    let mut checkpoint = Log::default();
    checkpoint.push(0, &series_record(&[(1, "up"), (u64::MAX, "down")]));
    checkpoint.push(
        0,
        &samples_record(&[(1, 100, 1.5), (1, 90, 7.0), (u64::MAX, 100, -0.0)]),
    );
    let mut covered = Log::default();
    covered.push(0, &samples_record(&[(1, 101, 9.0)]));
    let mut behind = Log::default();
    behind.push(
        0,
        &samples_record(&[(1, 120, 3.0), (1, 110, 2.0), (5, 110, 2.0)]),
    );
    behind.push(0, &tombstone_record(1, 115, 130));
    behind.push(0, &[4, 1, 2]); // Exemplars are not taken apart.
    let mut late = Log::default();
    late.push(0, &samples_record(&[(1, 50, 0.5)]));
    let vfs = disk(&[
        ("wal/checkpoint.00000001/00000000", old.padded()),
        ("wal/checkpoint.00000003/00000000", checkpoint.padded()),
        ("wal/00000003", covered.padded()),
        ("wal/00000004", behind.bytes),
        ("wbl/00000000", late.bytes),
    ]);
    let (all, damage, head) = read(&vfs, 100);
    assert!(damage.is_empty(), "{damage:?}");
    let sample = |time: i64, value: f64| (time, value.to_bits());
    let up = vec![sample(50, 0.5), sample(100, 1.5), sample(110, 2.0)];
    let wanted = [
        (1, labels("up").to_string(), up),
        (
            u64::MAX,
            labels("down").to_string(),
            vec![sample(100, -0.0)],
        ),
    ];
    assert_eq!(floats(&all), wanted);
    assert_eq!(
        (head.deleted(), head.unknown(), head.series_len()),
        (1, 1, 2)
    );
}

#[test]
fn records_are_unpacked_and_put_together() {
    let count = 30_000;
    let samples: Vec<_> = (0..count).map(|k| (1, k, (k as f64).sqrt())).collect();
    let wanted: Vec<_> = samples
        .iter()
        .map(|(_, k, value)| (*k, value.to_bits()))
        .collect();
    let record = samples_record(&samples);
    assert!(record.len() > 3 * PAGE, "it takes several pages");
    let snappy = snap::raw::Encoder::new()
        .compress_vec(&record)
        .expect("short");
    let level = ruzstd::encoding::CompressionLevel::Fastest;
    let zstd = ruzstd::encoding::compress_to_vec(record.as_slice(), level);
    for (flags, packed) in [(0, record), (8, snappy), (16, zstd)] {
        let mut log = Log::default();
        log.push(0, &series_record(&[(1, "up")]));
        log.push(flags, &packed);
        let (all, damage, _) = read(&disk(&[("wal/00000000", log.bytes.clone())]), i64::MIN);
        assert!(damage.is_empty(), "{damage:?}");
        assert_eq!(floats(&all)[0].2, wanted, "flags {flags}");
        // With another flag the record is none, and nothing but an error comes of it.
        let mut wrong = Log::default();
        wrong.push(0, &series_record(&[(1, "up")]));
        wrong.push((flags + 8) % 24, &packed);
        let (all, damage, _) = read(&disk(&[("wal/00000000", wrong.bytes)]), i64::MIN);
        assert_eq!((all.len(), damage.len()), (0, 1), "flags {flags}");
    }
}

/// An exponential one, and one with custom buckets.
fn integer_histograms() -> (Histogram, Histogram) {
    let span = |offset, length| BucketSpan { offset, length };
    let integer = Histogram {
        schema: 3,
        zero_threshold: 1e-128,
        sum: 0.25,
        reset_hint: ResetHint::Reset,
        positive_spans: vec![span(-4, 2), span(7, 1)],
        negative_spans: vec![span(0, 1)],
        counts: HistogramCounts::Integer {
            count: 12,
            zero_count: 1,
            positive: vec![3, -1, 2],
            negative: vec![1],
        },
        ..Histogram::default()
    };
    let custom = Histogram {
        schema: CUSTOM_BUCKETS_SCHEMA,
        zero_threshold: 0.0,
        negative_spans: Vec::new(),
        positive_spans: vec![span(0, 3)],
        custom_values: vec![0.5, 1e9],
        counts: HistogramCounts::Integer {
            count: 9,
            zero_count: 0,
            positive: vec![3, -1, 2],
            negative: Vec::new(),
        },
        ..integer.clone()
    };
    (integer, custom)
}

/// The same with other counts.
fn float(of: &Histogram) -> Histogram {
    Histogram {
        reset_hint: ResetHint::Gauge,
        counts: HistogramCounts::Float {
            count: 12.5,
            zero_count: 0.5,
            positive: vec![1.5, 2.5, 8.0],
            negative: if of.negative_spans.is_empty() {
                vec![]
            } else {
                vec![0.5]
            },
        },
        ..of.clone()
    }
}

#[test]
fn histograms_of_every_kind_come_through() {
    let (integer, custom) = integer_histograms();
    let kinds = [
        (7, integer.clone()),
        (8, float(&integer)),
        (9, custom.clone()),
        (10, float(&custom)),
        (7, Histogram::stale(false)),
        (8, Histogram::stale(true)),
    ];
    let mut log = Log::default();
    log.push(0, &series_record(&[(1, "sizes")]));
    for (time, (kind, histogram)) in (1000..).zip(&kinds) {
        let mut record = vec![*kind];
        put_big(&mut record, 1);
        put_big(&mut record, 1000);
        put_ivarint(&mut record, 0);
        put_ivarint(&mut record, time - 1000);
        put_histogram(&mut record, histogram);
        log.push(0, &record);
    }
    timed_records(&mut log, &integer);
    let (all, damage, _) = read(&disk(&[("wal/00000000", log.bytes)]), i64::MIN);
    assert!(damage.is_empty(), "{damage:?}");
    let mut wanted: Vec<_> = (1000..)
        .zip(kinds.map(|(_, histogram)| histogram))
        .collect();
    let started = [(2000, 1500), (2001, 1500), (2002, 0), (2003, 1510)];
    wanted.extend(started.map(|(time, start_timestamp)| {
        let histogram = Histogram {
            start_timestamp,
            ..integer.clone()
        };
        (time, histogram)
    }));
    assert_eq!(all[0].samples.histograms, wanted);
    assert_eq!(all[0].samples.samples, [Sample::new(3000, 4.5)]);
}

/// Records of the later layout: four histograms from 2000 on, and a float at 3000.
fn timed_records(log: &mut Log, histogram: &Histogram) {
    // Start timestamps: of the first sample, the same, none, and another.
    let mut record = vec![12];
    for value in [1, 2000, 1500] {
        put_ivarint(&mut record, value);
    }
    put_histogram(&mut record, histogram);
    for (time, marker) in [(1, &[1][..]), (2, &[0]), (3, &[2, 20])] {
        put_ivarint(&mut record, 0);
        put_ivarint(&mut record, time);
        record.extend_from_slice(marker);
        put_histogram(&mut record, histogram);
    }
    log.push(0, &record);
    let mut record = vec![11];
    for value in [1, 3000, 0] {
        put_ivarint(&mut record, value);
    }
    put_big(&mut record, 4.5_f64.to_bits());
    log.push(0, &record);
}

/// The last segment may end anywhere: Prometheus may be writing it. All others may not.
#[test]
fn a_torn_end_is_no_damage_in_the_last_segment_alone() {
    let mut log = Log::default();
    log.push(0, &series_record(&[(1, "up")]));
    let first = log.bytes.len();
    log.push(0, &samples_record(&[(1, 1, 1.0)]));
    for len in 0..log.bytes.len() {
        let cut = log.bytes[..len].to_vec();
        let (all, damage, _) = read(&disk(&[("wal/00000000", cut.clone())]), i64::MIN);
        assert!(
            damage.is_empty() && all.is_empty(),
            "{len} bytes: {damage:?}"
        );
        let behind = Log::default().padded();
        let files = [("wal/00000000", cut), ("wal/00000001", behind)];
        let (_, damage, _) = read(&disk(&files), i64::MIN);
        let whole = len == 0 || len == first;
        assert_eq!(damage.is_empty(), whole, "{len} bytes: {damage:?}");
    }
}

#[test]
fn every_flipped_bit_is_found() {
    let mut log = Log::default();
    log.push(0, &series_record(&[(1, "up"), (2, "down")]));
    log.push(0, &samples_record(&[(1, 1, 1.0), (2, 1, 2.0)]));
    let used = log.bytes.len();
    let second = Log {
        bytes: log.bytes.clone(),
    };
    let bytes = log.padded();
    for at in (0..used).chain([used + 1, bytes.len() - 1]) {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            let files = [
                ("wal/00000000", changed),
                ("wal/00000001", second.bytes.clone()),
            ];
            let (all, damage, _) = read(&disk(&files), i64::MIN);
            assert!(!damage.is_empty(), "bit {bit} of byte {at}");
            assert!(
                damage[0].to_string().starts_with("wal/00000000: byte "),
                "{damage:?}"
            );
            // The segment behind has all of it, and is read all the same.
            assert_eq!(all.len(), 2, "bit {bit} of byte {at}");
        }
    }
}
