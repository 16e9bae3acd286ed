//! Runs, as far as they can be read and their series have names.

use super::names::Definitions;
use super::report::{Damage, LostRows, NAMELESS, SalvageReport};
use crate::db::Error;
use crate::run::{RunMeta, RunPart, RunReader, RunWriter};

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
                let count = u64::from(chunk.meta.count);
                if !names.meet(id) {
                    nameless.add(id, (chunk.meta.min_time, chunk.meta.max_time), count);
                    return Ok(());
                }
                kept += count;
                if let Some(out) = &mut out {
                    out.chunk(chunk.key, &chunk.meta, bytes)?;
                }
            }
            RunPart::Lost(lost) => {
                let place = (path, namespace);
                report.damage.push(Damage::of(place, lost, names));
            }
        }
        Ok(())
    })?;
    report.samples += kept;
    let nameless = nameless.damage((path, namespace), 0, NAMELESS);
    report.damage.extend(nameless);
    let written = out.map(RunWriter::finish).transpose()?;
    Ok((report.damage.len() == before, written))
}
