//! What a scan gives is what a select gives, in whatever order, however it is split, and its groups
//! are those that the labels tell.

use std::collections::BTreeSet;

use tsdb_core::vfs::SplitMix64;
use tsdb_core::{
    Grouping, Labels, Matcher, MergedSamples, Namespace, NewestValue, Sample, SampleRef,
    ScanOptions, SeriesScan, TimeRange,
};

use crate::support::{chain, coded};

type Samples = Vec<(i64, u64)>;
/// Where a series stands, the series, and the labels of its group.
type InGroup = (usize, (Labels, Samples), Labels);

/// A grouping, and whether it keeps a label.
fn grouping(random: &mut SplitMix64) -> (Option<Grouping>, fn(&str) -> bool) {
    match random.below(5) {
        0 => (None, |_| false),
        1 => (Some(Grouping::by(Vec::<String>::new())), |_| false),
        2 => (Some(Grouping::by(["zone", "absent"])), |name| {
            name == "zone"
        }),
        3 => (Some(Grouping::by(["host", "__name__"])), |name| {
            ["host", "__name__"].contains(&name)
        }),
        _ => (Some(Grouping::without(["__name__", "zone"])), |name| {
            !["__name__", "zone"].contains(&name)
        }),
    }
}

fn selected(
    namespace: &Namespace,
    range: TimeRange,
    matchers: &[Matcher],
) -> Result<Vec<(Labels, Samples)>, String> {
    let set = namespace.select(range, matchers);
    let mut expected = Vec::new();
    for series in set.map_err(|error| chain(&error))? {
        let series = series.map_err(|error| chain(&error))?;
        let samples: Result<Samples, String> = series.all_samples().map(coded).collect();
        expected.push((series.labels().clone(), samples?));
    }
    Ok(expected)
}

/// All that a scan gives, each with the labels of its group.
fn scanned(mut scan: SeriesScan) -> Result<Vec<InGroup>, String> {
    let mut columns = MergedSamples::default();
    let mut found = Vec::new();
    while scan
        .next_into(&mut columns)
        .map_err(|error| chain(&error))?
    {
        let samples: Result<Samples, String> = columns.samples().map(coded).collect();
        let labels = scan.labels().map_err(|error| chain(&error))?;
        let group = scan.groups().get(scan.group() as usize);
        if found
            .last()
            .is_some_and(|last: &InGroup| last.0 >= scan.place())
        {
            return Err(format!("{labels} is out of place"));
        }
        let group = group.ok_or("no such group")?.clone();
        found.push((scan.place(), (labels, samples?), group));
    }
    if !columns.is_empty() {
        return Err("columns that the end left behind".to_owned());
    }
    Ok(found)
}

/// Compares a scan, made and split at random, with a select.
pub(crate) fn check(
    namespace: &Namespace,
    range: TimeRange,
    matchers: &[Matcher],
    random: &mut SplitMix64,
) -> Result<(), String> {
    let expected = selected(namespace, range, matchers)?;
    check_newest(namespace, (range, matchers), &expected, random)?;
    let (grouping, keeps) = grouping(random);
    let options = ScanOptions {
        sorted: random.coin(),
        grouping,
        ..ScanOptions::default()
    };
    let scan = namespace.scan(range, matchers, &options);
    let mut scan = scan.map_err(|error| chain(&error))?;
    let all: BTreeSet<_> = scan.groups().iter().cloned().collect();
    if all.len() != scan.groups().len() {
        return Err(format!("a group twice: {:?}", scan.groups()));
    }
    let mut found: Vec<InGroup> = Vec::new();
    let mut columns = MergedSamples::default();
    if random.coin()
        && scan
            .next_into(&mut columns)
            .map_err(|error| chain(&error))?
    {
        let samples: Result<Samples, String> = columns.samples().map(coded).collect();
        let labels = scan.labels().map_err(|error| chain(&error))?;
        let group = scan.groups()[scan.group() as usize].clone();
        found.push((scan.place(), (labels, samples?), group));
    }
    for part in scan.split(1 + random.index(8), 1 + random.index(4)) {
        found.extend(scanned(part)?);
    }
    found.sort_by_key(|found| found.0);
    for (_, (labels, _), group) in &found {
        let kept = labels.iter().filter(|label| keeps(label.name));
        let kept = Labels::from_pairs(kept.map(|label| (label.name, label.value)));
        if kept.as_ref() != Ok(group) {
            return Err(format!("{labels} is in the group {group} by {options:?}"));
        }
    }
    let mut found: Vec<_> = found.into_iter().map(|found| found.1).collect();
    if !options.sorted {
        found.sort_by(|a, b| a.0.cmp(&b.0));
    }
    if found == expected {
        return Ok(());
    }
    Err(format!(
        "a scan {options:?} of {range:?} {matchers:?} gives {found:?}, not {expected:?}"
    ))
}

/// Compares the newest samples with the last ones that a select gave.
fn check_newest(
    namespace: &Namespace,
    (range, matchers): (TimeRange, &[Matcher]),
    selected: &[(Labels, Samples)],
    random: &mut SplitMix64,
) -> Result<(), String> {
    let options = ScanOptions {
        grouping: Some(Grouping::without(["host"])),
        ..ScanOptions::default()
    };
    let scan = namespace.newest(range, matchers, &options);
    let scan = scan.map_err(|error| chain(&error))?;
    let parts = scan.split(1 + random.index(4), 1 + random.index(4));
    let mut parts = parts.into_iter();
    let mut part = parts.next();
    let mut found = Vec::new();
    while let Some(scan) = &mut part {
        let Some(newest) = scan.next_newest().map_err(|error| chain(&error))? else {
            part = parts.next();
            continue;
        };
        let sample = match &newest.value {
            NewestValue::Float(value) => SampleRef::Float(Sample::new(newest.timestamp, *value)),
            NewestValue::Histogram(one) => SampleRef::Histogram(newest.timestamp, one),
        };
        let labels = scan.labels().map_err(|error| chain(&error))?;
        let kept = labels.iter().filter(|label| label.name != "host");
        let kept = Labels::from_pairs(kept.map(|label| (label.name, label.value)));
        if kept.as_ref() != Ok(&scan.groups()[newest.group as usize]) {
            return Err(format!(
                "{labels} is in group {} of newest samples",
                newest.group
            ));
        }
        found.push((labels, coded(sample)?));
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    let expected = selected
        .iter()
        .filter_map(|(labels, samples)| Some((labels.clone(), *samples.last()?)));
    let expected: Vec<_> = expected.collect();
    if found == expected {
        return Ok(());
    }
    Err(format!(
        "newest of {range:?} {matchers:?} gives {found:?}, not {expected:?}"
    ))
}
