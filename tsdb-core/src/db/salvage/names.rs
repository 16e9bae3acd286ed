//! Which id means which labels, as far as that can still be read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::examine::ExaminedNamespace;
use super::report::{Damage, Lost, SalvageReport};
use crate::db::{Error, TornTail};
use crate::manifest::SeriesFileEntry;
use crate::model::{HashMap, Labels, MetricMetadata, NamespaceId, SeriesId, ShardId};
use crate::series::{
    Definition, SERIES_HEADER_BYTES, SeriesFile, SeriesHeader, SeriesRecord, salvage_series,
    series_path,
};
use crate::vfs::{OpenMode, Vfs, read_to_end};

/// So many series are defined by one record.
const RECORD_SERIES: usize = 1000;

/// The names of a namespace's series, by rising id, and what its metrics are.
#[derive(Debug, Default)]
pub(super) struct Definitions {
    rows: Vec<(SeriesId, ShardId, Labels)>,
    metadata: BTreeMap<String, MetricMetadata>,
    /// Larger than every id that any file defines or names.
    pub(super) next_id: SeriesId,
}

impl Definitions {
    /// The labels of a series.
    pub(super) fn get(&self, id: SeriesId) -> Option<&Labels> {
        let at = self.rows.binary_search_by_key(&id, |row| row.0).ok()?;
        self.rows.get(at).map(|row| &row.2)
    }

    fn has(&self, id: SeriesId) -> bool {
        self.rows.binary_search_by_key(&id, |row| row.0).is_ok()
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Notes that an id was given.
    pub(super) fn given(&mut self, id: SeriesId) {
        self.next_id = self.next_id.max(SeriesId(id.0.saturating_add(1)));
    }

    /// Notes that an id was given; whether it has a name.
    pub(super) fn meet(&mut self, id: SeriesId) -> bool {
        self.given(id);
        self.has(id)
    }

    /// Takes names that blocks know, for ids that have none.
    pub(super) fn recover(&mut self, found: Vec<(SeriesId, ShardId, Labels)>) {
        let mut known: BTreeMap<_, _> = BTreeMap::new();
        for (id, shard, labels) in found {
            if !self.has(id) {
                known.insert(id, (shard, labels));
            }
        }
        let recovered = known
            .into_iter()
            .map(|(id, (shard, labels))| (id, shard, labels));
        self.rows.extend(recovered);
        self.rows.sort_by_key(|row| row.0);
    }

    /// Reads all series files that are listed. Whether any of them is damaged.
    pub(super) fn read(
        vfs: &dyn Vfs,
        (folder, name, id): (&Path, &str, NamespaceId),
        (files, next_series): (&[SeriesFileEntry], SeriesId),
        report: &mut SalvageReport,
    ) -> (Self, bool) {
        let mut names = Self {
            next_id: next_series,
            ..Self::default()
        };
        let before = report.damage.len();
        let mut open: Vec<usize> = Vec::new();
        for file in files {
            let first = report.damage.len();
            let met = names.rows.len();
            names.read_file(vfs, (folder, name, id), file, report);
            // Names that a file lost at its end lie before the first one of the next file.
            if let Some((id, ..)) = names.rows.get(met) {
                close(report, &mut open, SeriesId(id.0.saturating_sub(1)));
            }
            let lost = report.damage.iter().enumerate().skip(first);
            open.extend(lost.filter_map(|(at, damage)| match damage.lost {
                Lost::Names { last, .. } if last == SeriesId(u64::MAX) => Some(at),
                _ => None,
            }));
        }
        let last = SeriesId(names.next_id.0.saturating_sub(1));
        close(report, &mut open, last);
        // What a manifest does not tell apart any more may define the same ids as its replacement.
        let rising = names.rows.is_sorted_by(|a, b| a.0 < b.0);
        names.rows.sort_by_key(|row| row.0);
        names.rows.dedup_by_key(|row| row.0);
        (names, report.damage.len() > before || !rising)
    }

    fn read_file(
        &mut self,
        vfs: &dyn Vfs,
        (folder, name, id): (&Path, &str, NamespaceId),
        file: &SeriesFileEntry,
        report: &mut SalvageReport,
    ) {
        report.files += 1;
        let after = self.rows.last().map_or(1, |row| row.0.0.saturating_add(1));
        let tell = Teller {
            path: series_path(folder, file.number),
            name,
        };
        let opened = vfs.open(&tell.path, OpenMode::Read);
        let bytes = match opened.and_then(|file| read_to_end(&*file)) {
            Ok(bytes) => bytes,
            Err(error) => {
                let what = format!("it cannot be read: {error}");
                let lost = tell.lost((0, 0), what, (SeriesId(after), None));
                return report.damage.push(lost);
            }
        };
        let Self { rows, metadata, .. } = self;
        let found = salvage_series(&bytes, &mut |record| match record {
            SeriesRecord::Series(id, shard, labels) => rows.push((id, shard, labels)),
            SeriesRecord::Metadata(one) => {
                metadata.insert(one.metric.clone(), one);
            }
        });
        self.given(found.last_id);
        match found.header {
            Ok(header) if (header.namespace, header.number) == (id, file.number) => {
                self.next_id = self.next_id.max(header.next_id);
            }
            Ok(_) => report
                .damage
                .push(tell.header("the header names another namespace or file number".to_owned())),
            Err(error) => report.damage.push(tell.header(error.to_string())),
        }
        for one in found.lost {
            let lost = tell.lost((one.offset, one.bytes), one.what, one.series);
            report.damage.push(lost);
        }
        let left = (bytes.len() as u64).saturating_sub(found.end);
        if found.end < file.synced_len {
            let first = SeriesId(found.last_id.0.saturating_add(1).max(after));
            let what = format!(
                "a bad record, although the manifest says that {} bytes were synced",
                file.synced_len
            );
            let bytes = left.max(file.synced_len - found.end);
            let lost = tell.lost((found.end, bytes), what, (first, None));
            report.damage.push(lost);
        } else if left > 0 {
            report.torn.push(TornTail {
                path: tell.path,
                offset: found.end,
                bytes: left,
                what: "a record is cut short or its checksum does not match".to_owned(),
            });
        }
    }

    /// Writes all names to a series file of their own.
    pub(super) fn write(
        &self,
        vfs: &dyn Vfs,
        (folder, namespace, number): (&Path, &ExaminedNamespace, u64),
    ) -> Result<SeriesFileEntry, Error> {
        let header = SeriesHeader {
            namespace: namespace.entry.id,
            number,
            next_id: self.next_id,
        };
        let file = SeriesFile::create(vfs, folder, header)?;
        let mut symbols: HashMap<&str, u32> = HashMap::default();
        let mut texts: Vec<&str> = Vec::new();
        for rows in self.rows.chunks(RECORD_SERIES) {
            let mut labels_of: Vec<Vec<(u32, u32)>> = Vec::new();
            let mut bytes = 0;
            for (_, _, labels) in rows {
                let mut symbol = |text| {
                    *symbols.entry(text).or_insert_with(|| {
                        texts.push(text);
                        u32::try_from(texts.len() - 1).unwrap_or(u32::MAX)
                    })
                };
                let pairs = labels.iter();
                let pairs = pairs.map(|label| (symbol(label.name), symbol(label.value)));
                labels_of.push(pairs.collect());
                bytes += labels.as_bytes().len();
            }
            let definitions = rows.iter().zip(&labels_of);
            let definitions: Vec<_> = definitions
                .map(|((id, shard, _), labels)| Definition {
                    id: *id,
                    shard: *shard,
                    labels,
                })
                .collect();
            let labels = labels_of.iter().map(Vec::len).sum();
            let promised = SeriesFile::definitions_bytes_at_most(bytes, rows.len(), labels);
            file.reserve(promised)?;
            let text = |symbol: u32| texts.get(symbol as usize).copied().unwrap_or_default();
            file.define(promised, &definitions, text);
            file.sync()?;
        }
        let metadata: Vec<MetricMetadata> = self.metadata.values().cloned().collect();
        if !metadata.is_empty() {
            let promised = SeriesFile::metadata_bytes_at_most(&metadata);
            file.reserve(promised)?;
            file.describe(promised, &metadata);
            file.sync()?;
        }
        Ok(SeriesFileEntry {
            number,
            synced_len: file.synced_end(),
        })
    }
}

/// Puts what is wrong with one series file into words.
struct Teller<'a> {
    path: PathBuf,
    /// The namespace.
    name: &'a str,
}

impl Teller<'_> {
    fn header(&self, what: String) -> Damage {
        Damage {
            path: self.path.clone(),
            offset: 0,
            bytes: SERIES_HEADER_BYTES as u64,
            what,
            lost: Lost::Nothing,
        }
    }

    fn lost(
        &self,
        (offset, bytes): (u64, u64),
        what: String,
        (first, last): (SeriesId, Option<SeriesId>),
    ) -> Damage {
        Damage {
            path: self.path.clone(),
            offset,
            bytes,
            what,
            lost: Lost::Names {
                namespace: self.name.to_owned(),
                first,
                last: last.unwrap_or(SeriesId(u64::MAX)),
            },
        }
    }
}

/// Tells where the names end that were found lost up to some later one.
fn close(report: &mut SalvageReport, open: &mut Vec<usize>, end: SeriesId) {
    for at in open.drain(..) {
        if let Some(Lost::Names { first, last, .. }) =
            report.damage.get_mut(at).map(|damage| &mut damage.lost)
        {
            *last = end.max(*first);
        }
    }
}
