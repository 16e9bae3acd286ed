//! What is damaged and what is given up for it, for people and for programs.

use std::io::{self, Write};

use serde_json::{Value, json};
use tsdb_core::{Damage, Lost, LostSamples, SalvageReport};

/// One line a damaged place, a summary behind.
pub(super) fn write_table(out: &mut impl Write, report: &SalvageReport) -> io::Result<()> {
    for tail in &report.torn {
        writeln!(
            out,
            "{}: {} bytes behind byte {} were never acked, or were cut off later: {}",
            tail.path.display(),
            tail.bytes,
            tail.offset,
            tail.what
        )?;
    }
    let width = report
        .damage
        .iter()
        .map(|damage| damage.path.as_os_str().len());
    let width = width.max().unwrap_or(0).max(4);
    if !report.damage.is_empty() {
        writeln!(
            out,
            "{:width$} {:>12} {:>12}  WHAT; GIVEN UP",
            "FILE", "OFFSET", "BYTES"
        )?;
    }
    for damage in &report.damage {
        let bytes = match damage.bytes {
            0 => "-".to_owned(),
            bytes => bytes.to_string(),
        };
        writeln!(
            out,
            "{:width$} {:>12} {bytes:>12}  {}; {}",
            damage.path.display(),
            damage.offset,
            damage.what,
            given_up(&damage.lost)
        )?;
    }
    for path in &report.rewritten {
        writeln!(out, "{}: written anew", path.display())?;
    }
    let (lost, more) = report.lost_samples();
    writeln!(
        out,
        "{} files, {} series, {} samples readable; damaged places: {}; samples given up: {lost}{}",
        report.files,
        report.series,
        report.samples,
        report.damage.len(),
        if more {
            ", and some that nobody counted"
        } else {
            ""
        }
    )
}

fn given_up(lost: &Lost) -> String {
    match lost {
        Lost::Nothing => "gives up nothing".to_owned(),
        Lost::Samples(samples) => samples_text(samples),
        Lost::Names {
            namespace,
            first,
            last,
        } => format!(
            "gives up the names of series between {first} and {last} of {namespace}, unless blocks know them"
        ),
        Lost::Deletes {
            namespace,
            generation,
        } => {
            let which = generation.map_or_else(
                || "deletes".to_owned(),
                |generation| format!("the delete of generation {generation}"),
            );
            let of = namespace.as_ref().map(|name| format!(" of {name}"));
            format!("gives up {which}{}", of.unwrap_or_default())
        }
        Lost::Exemplars {
            namespace,
            exemplars,
        } => {
            let count = exemplars.map_or_else(String::new, |count| format!("{count} "));
            let of = namespace.as_ref().map(|name| format!(" of {name}"));
            format!("gives up {count}exemplars{}", of.unwrap_or_default())
        }
        Lost::Documents => "gives up documents, if there were any".to_owned(),
        Lost::Options { namespace } => format!("gives up the options of {namespace}"),
        _ => "gives up what this build cannot name".to_owned(),
    }
}

fn samples_text(lost: &LostSamples) -> String {
    let count = lost
        .samples
        .map_or_else(|| "samples".to_owned(), |count| format!("{count} samples"));
    let namespace = lost.namespace.as_deref().unwrap_or("any namespace");
    let series = match (&lost.labels, &lost.series) {
        (Some(labels), _) => labels.to_string(),
        (None, Some(ranges)) => {
            let texts = ranges.iter().map(|(first, last)| match first == last {
                true => first.to_string(),
                false => format!("{first}-{last}"),
            });
            format!("series {}", texts.collect::<Vec<_>>().join(","))
        }
        (None, None) => "any series".to_owned(),
    };
    let times = lost.times.map_or_else(
        || "at any time".to_owned(),
        |(min, max)| format!("from {min} to {max} ms"),
    );
    format!("gives up {count} of {series} in {namespace}, {times}")
}

/// One JSON object.
pub(super) fn write_json(out: &mut impl Write, report: &SalvageReport) -> io::Result<()> {
    let torn = report.torn.iter().map(|tail| {
        json!({
            "file": tail.path.display().to_string(), "offset": tail.offset, "bytes": tail.bytes,
            "what": tail.what,
        })
    });
    let rewritten = report
        .rewritten
        .iter()
        .map(|path| path.display().to_string());
    let report = json!({
        "files": report.files,
        "series": report.series,
        "samples": report.samples,
        "damage": report.damage.iter().map(damage_json).collect::<Vec<_>>(),
        "torn": torn.collect::<Vec<_>>(),
        "rewritten": rewritten.collect::<Vec<_>>(),
    });
    writeln!(out, "{report}")
}

fn damage_json(damage: &Damage) -> Value {
    let lost = match &damage.lost {
        Lost::Nothing => Value::Null,
        Lost::Samples(lost) => {
            let series = lost.series.as_ref().map(|ranges| {
                let pairs = ranges.iter().map(|(first, last)| json!([first.0, last.0]));
                pairs.collect::<Vec<_>>()
            });
            json!({
                "kind": "samples", "namespace": lost.namespace, "series": series,
                "labels": lost.labels.as_ref().map(ToString::to_string),
                "from_ms": lost.times.map(|times| times.0), "to_ms": lost.times.map(|times| times.1),
                "samples": lost.samples,
            })
        }
        Lost::Names {
            namespace,
            first,
            last,
        } => json!({"kind": "names", "namespace": namespace, "series": [[first.0, last.0]]}),
        Lost::Deletes {
            namespace,
            generation,
        } => json!({
            "kind": "deletes", "namespace": namespace,
            "generation": generation.map(|generation| generation.0),
        }),
        Lost::Exemplars {
            namespace,
            exemplars,
        } => json!({"kind": "exemplars", "namespace": namespace, "exemplars": exemplars}),
        Lost::Documents => json!({"kind": "documents"}),
        Lost::Options { namespace } => json!({"kind": "options", "namespace": namespace}),
        _ => json!({"kind": "other"}),
    };
    json!({
        "file": damage.path.display().to_string(), "offset": damage.offset, "bytes": damage.bytes,
        "what": damage.what, "lost": lost,
    })
}
