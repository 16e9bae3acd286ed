//! Runs, as far as they can be read and their series have names.

use std::path::Path;

use super::names::Definitions;
use super::report::{Damage, Lost, LostRows, LostSamples, SalvageReport};
use crate::db::Error;
use crate::run::{LostRunPart, RunMeta, RunPart, RunReader, RunWriter};

/// Reads a run, and writes what is whole and has a name to `out`, if that is given. Whether it is
/// whole itself, and what was written.
pub(super) fn salvage_run(
    reader: &RunReader,
    (namespace, names): (&str, &mut Definitions),
    mut out: Option<RunWriter>,
    report: &mut SalvageReport,
) -> Result<(bool, Option<RunMeta>), Error> {
    let path = reader.path();
    let before = report.damage.len();
    let mut nameless = LostRows::default();
    let mut kept = 0;
    reader.salvage(&mut |part| {
        match part {
            RunPart::Section(window) => {
                if let Some(out) = &mut out {
                    out.section(window)?;
                }
            }
            RunPart::Chunk(chunk, bytes) => {
                let id = chunk.key.series;
                names.given(id);
                let count = u64::from(chunk.meta.count);
                if !names.has(id) {
                    nameless.add(id, (chunk.meta.min_time, chunk.meta.max_time), count);
                    return Ok(());
                }
                kept += count;
                if let Some(out) = &mut out {
                    out.chunk(chunk.key, &chunk.meta, bytes)?;
                }
            }
            RunPart::Lost(lost) => report.damage.push(damage(path, namespace, names, lost)),
        }
        Ok(())
    })?;
    report.samples += kept;
    report
        .damage
        .extend(nameless.lost(namespace).map(|lost| Damage {
            path: path.to_owned(),
            offset: 0,
            bytes: 0,
            what: "rows of series that no series file and no block names".to_owned(),
            lost,
        }));
    let written = out.map(RunWriter::finish).transpose()?;
    Ok((report.damage.len() == before, written))
}

fn damage(path: &Path, namespace: &str, names: &mut Definitions, lost: LostRunPart) -> Damage {
    let samples = lost.series.map(|(first, last)| {
        names.given(last);
        Lost::Samples(LostSamples {
            namespace: Some(namespace.to_owned()),
            series: Some(vec![(first, last)]),
            labels: None,
            times: Some(lost.times),
            samples: lost.samples,
        })
    });
    Damage {
        path: path.to_owned(),
        offset: lost.offset,
        bytes: lost.bytes,
        what: lost.what,
        lost: samples.unwrap_or(Lost::Nothing),
    }
}
