//! Native histograms as numbers, so that the oracle need not know them: a number stands for one
//! histogram, larger numbers for larger canonical bytes, and all of them are above those of floats.

use tsdb_core::vfs::SplitMix64;
use tsdb_core::{
    BucketSpan, Encoding, Histogram, HistogramCounts, Labels, ResetHint, Sample, SampleRef,
    SeriesChunks, WriteBatch,
};

/// Numbers from here on are histograms.
const FIRST: u64 = 0xffff_0000_0000_0000;
/// The lower bits make a sum, those above say kind, reset hint, start timestamp and schema.
const SUM_BITS: u32 = 24;

/// A number that stands for a histogram.
pub(crate) fn histogram_code(random: &mut SplitMix64) -> u64 {
    let sum = match random.below(4) {
        0 => random.below(4),
        _ => random.below(1 << SUM_BITS),
    };
    FIRST | random.below(1 << 5) << SUM_BITS | sum
}

/// The histogram a number stands for; none if it stands for a float.
pub(crate) fn histogram_of(code: u64) -> Option<Histogram> {
    if code < FIRST {
        return None;
    }
    let low = code & ((1 << SUM_BITS) - 1);
    let flags = code >> (SUM_BITS + 1) & 15;
    let custom = code >> SUM_BITS & 1 == 1;
    // Layouts come back, so that several histograms in a row share one.
    let buckets = low % 3;
    let counts: Vec<u64> = (0..buckets)
        .map(|bucket| low >> (4 * bucket) & 63)
        .collect();
    let zeros = if custom { 0 } else { low & 7 };
    let all = counts.iter().sum::<u64>() + zeros;
    let counts = if flags & 1 == 0 {
        let mut before = 0;
        let deltas = counts.iter().map(|count| {
            let count = count.cast_signed();
            count - std::mem::replace(&mut before, count)
        });
        HistogramCounts::Integer {
            count: all,
            zero_count: zeros,
            positive: deltas.collect(),
            negative: Vec::new(),
        }
    } else {
        HistogramCounts::Float {
            count: all as f64,
            zero_count: zeros as f64,
            positive: counts.iter().map(|count| *count as f64 + 0.25).collect(),
            negative: Vec::new(),
        }
    };
    Some(Histogram {
        schema: if custom { -53 } else { 0 },
        sum: f64::from_bits(low.swap_bytes()),
        reset_hint: ResetHint::from_number(flags >> 1 & 3).unwrap(),
        start_timestamp: if flags & 8 == 0 {
            0
        } else {
            1 + low.cast_signed()
        },
        positive_spans: (0..u32::from(buckets > 0))
            .map(|_| BucketSpan {
                offset: i32::try_from(low >> 8 & 1).unwrap(),
                length: u32::try_from(buckets).unwrap(),
            })
            .collect(),
        custom_values: if custom {
            vec![1.0, 2.5, 10.0]
        } else {
            Vec::new()
        },
        counts,
        ..Histogram::default()
    })
}

/// The number of a histogram.
fn code_of(histogram: &Histogram) -> Result<u64, String> {
    let mut bytes = Vec::new();
    histogram.put_bytes(&mut bytes);
    let flags = u64::from(bytes[0]) << (SUM_BITS + 1);
    let custom = u64::from(histogram.schema == -53) << SUM_BITS;
    let code = FIRST | flags | custom | histogram.sum.to_bits().swap_bytes();
    match histogram_of(code).as_ref() == Some(histogram) {
        true => Ok(code),
        false => Err(format!("a histogram nobody wrote: {histogram:?}")),
    }
}

/// Adds what the number stands for.
pub(crate) fn push<'l>(batch: &mut WriteBatch<'l>, labels: &'l Labels, timestamp: i64, code: u64) {
    match histogram_of(code) {
        Some(histogram) => batch.push_histogram(labels, timestamp, histogram),
        None => batch.push(labels, Sample::new(timestamp, f64::from_bits(code))),
    }
}

/// Time and number of a sample.
pub(crate) fn coded(sample: SampleRef<'_>) -> Result<(i64, u64), String> {
    match sample {
        SampleRef::Float(sample) => Ok((sample.timestamp, sample.bits())),
        SampleRef::Histogram(timestamp, histogram) => Ok((timestamp, code_of(histogram)?)),
    }
}

/// Times and numbers of what chunks hold. Prometheus' chunks do not carry start timestamps nor all
/// hints: those of `exact`, which are at the same times, are taken for granted.
pub(crate) fn coded_chunks(
    series: &SeriesChunks,
    exact: &[(i64, u64)],
) -> Result<Vec<(i64, u64)>, String> {
    let mut samples: Vec<(i64, u64)> = Vec::new();
    for chunk in &series.chunks {
        let from = samples.len();
        let text = |error: tsdb_core::bits::DecodeError| error.to_string();
        match chunk.encoding {
            Encoding::Xor => {
                for sample in tsdb_core::chunk::ChunkIter::new(&chunk.bytes).map_err(text)? {
                    let sample = sample.map_err(text)?;
                    samples.push((sample.timestamp, sample.bits()));
                }
            }
            encoding => {
                let is_float = encoding == Encoding::FloatHistogram;
                let items = tsdb_core::chunk::HistogramChunkIter::new(&chunk.bytes, is_float);
                for item in items.map_err(text)? {
                    let (time, mut histogram) = item.map_err(text)?;
                    let at = exact.binary_search_by_key(&time, |one| one.0);
                    let code = at.map_or(0, |at| exact[at].1);
                    let wanted = histogram_of(code)
                        .ok_or_else(|| format!("a histogram at {time}, where there is none"))?;
                    histogram.reset_hint = wanted.reset_hint;
                    histogram.start_timestamp = wanted.start_timestamp;
                    if histogram != wanted {
                        return Err(format!("{histogram:?} for {wanted:?}"));
                    }
                    samples.push((time, code));
                }
            }
        }
        let ends = (samples[from].0, samples[samples.len() - 1].0);
        let count = (samples.len() - from) as u64;
        if (chunk.min, chunk.max, u64::from(chunk.count)) != (ends.0, ends.1, count) {
            return Err(format!("chunk {chunk:?} does not hold what it says"));
        }
    }
    if samples.windows(2).any(|pair| pair[0].0 >= pair[1].0) {
        return Err("chunks overlap".to_owned());
    }
    Ok(samples)
}
