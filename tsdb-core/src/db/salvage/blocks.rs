//! Blocks, as far as they can be read and their rows have names.

use super::names::Definitions;
use super::report::{Damage, LostRows, SalvageReport};
use crate::block::{BlockMeta, BlockPart, BlockReader, BlockWriter};
use crate::db::Error;
use crate::model::{Labels, SeriesId, ShardId};

/// Names that blocks tell.
pub(super) type Named = Vec<(SeriesId, ShardId, Labels)>;

/// Reads a block, and writes what is whole and has a name to `out`, if that is given. Names of
/// rows go to `named`, if that is given. Whether it is whole itself, and what was written.
pub(super) fn salvage_block(
    reader: &BlockReader,
    (namespace, names): (&str, &mut Definitions),
    (mut out, mut named): (Option<BlockWriter>, Option<&mut Named>),
    report: &mut SalvageReport,
) -> Result<(bool, Option<BlockMeta>), Error> {
    let path = reader.path();
    let before = report.damage.len();
    let mut nameless = LostRows::default();
    let mut kept = 0;
    reader.salvage(&mut |part| {
        let row = match part {
            BlockPart::Lost(lost) => {
                let place = (path, namespace);
                report.damage.push(Damage::of(place, lost, names));
                return Ok(());
            }
            BlockPart::Row(row) => row,
        };
        let id = row.key.series;
        names.given(id);
        if let (Some(named), Some(labels)) = (&mut named, &row.labels) {
            named.push((id, row.key.shard, labels.clone()));
        }
        let samples = &row.samples;
        let ends = (samples.samples().next(), samples.samples().last());
        let (Some(first), Some(last)) = ends else {
            return Ok(());
        };
        let times = (first.timestamp(), last.timestamp());
        let Some(labels) = row.labels.as_ref().or_else(|| names.get(id)) else {
            nameless.add(id, times, samples.len() as u64);
            return Ok(());
        };
        kept += samples.len() as u64;
        if let Some(out) = &mut out {
            out.samples(row.key, labels, samples)?;
        }
        Ok(())
    })?;
    report.samples += kept;
    let what = "rows whose labels neither the block nor a series file tells";
    let nameless = nameless.damage((path, namespace), reader.labels_offset(), what);
    report.damage.extend(nameless);
    let written = out.map(BlockWriter::finish).transpose()?.flatten();
    Ok((report.damage.len() == before, written))
}
