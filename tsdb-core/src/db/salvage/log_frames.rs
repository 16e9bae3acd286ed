//! Frames of logs, one after the other: what of them still makes sense.

use std::path::Path;

use super::examine::ExaminedNamespace;
use super::report::{Damage, Lost, LostRows, LostSamples, NAMELESS, SalvageReport};
use crate::bits::DecodeError;
use crate::model::{Generation, HashMap, Histogram, Labels, NamespaceId, SeriesId};
use crate::shard::Delete;
use crate::wal::{
    DeleteFrame, ExemplarFrame, ExemplarFrameEncoder, FRAME_STAMP_BYTES, HistogramFrame,
    HistogramFrameEncoder, Row, SampleFrame, SampleFrameEncoder,
};

/// What is written of a frame.
#[derive(Debug)]
pub(super) enum Written {
    /// The payload as it is.
    Same,
    /// Another one.
    Anew(Vec<u8>),
    /// Nothing.
    Not,
}

/// What is known while the frames of logs pass by.
pub(super) struct Frames<'a> {
    namespaces: &'a mut [ExaminedNamespace],
    /// The last delete known, by number of the namespace.
    last_deletes: Vec<Generation>,
    /// What is given up in the present log, by number of the namespace.
    nameless: Vec<LostRows>,
    repeats: Vec<LostRows>,
    generation: Generation,
    /// Whether frames of the present log are lost: a value as before may then be one of theirs.
    some_lost: bool,
    /// Values met since.
    values: HashMap<(NamespaceId, SeriesId), u64>,
    floats: SampleFrameEncoder,
    histograms: HistogramFrameEncoder,
}

impl<'a> Frames<'a> {
    pub(super) fn new(namespaces: &'a mut [ExaminedNamespace]) -> Self {
        let last_deletes = namespaces.iter().map(|one| one.manifest.last_delete);
        Self {
            last_deletes: last_deletes.collect(),
            namespaces,
            nameless: Vec::new(),
            repeats: Vec::new(),
            generation: Generation(0),
            some_lost: false,
            values: HashMap::default(),
            floats: SampleFrameEncoder::new(),
            histograms: HistogramFrameEncoder::default(),
        }
    }

    /// A log begins.
    pub(super) fn begin(&mut self, generation: Generation) {
        self.generation = generation;
        self.some_lost = false;
        self.values.clear();
        let rows = || {
            (0..self.last_deletes.len())
                .map(|_| LostRows::default())
                .collect()
        };
        (self.nameless, self.repeats) = (rows(), rows());
    }

    /// Frames of the present log are lost here.
    pub(super) fn lost_some(&mut self) {
        self.some_lost = true;
        self.values.clear();
    }

    /// The present log ends: what of its rows is given up.
    pub(super) fn end(&mut self, path: &Path, report: &mut SalvageReport) {
        let mut tell = |rows: &[LostRows], what: &str| {
            for (namespace, rows) in self.namespaces.iter().zip(rows) {
                let place = (path, namespace.entry.name.as_str());
                report.damage.extend(rows.damage(place, 0, what));
            }
        };
        tell(&self.nameless, NAMELESS);
        tell(
            &self.repeats,
            "rows that repeat a value which may stand in a lost frame",
        );
    }

    /// Looks at a frame whose checksum is right.
    pub(super) fn frame(
        &mut self,
        (path, offset): (&Path, u64),
        payload: &[u8],
        report: &mut SalvageReport,
    ) -> Written {
        let is_delete = DeleteFrame::is_one(payload);
        let read = if is_delete {
            self.delete(payload, (path, offset), report)
        } else if ExemplarFrame::is_one(payload) {
            self.exemplars(payload, (path, offset), report)
        } else if HistogramFrame::is_one(payload) {
            self.histograms(payload, (path, offset), report)
        } else {
            self.floats(payload, (path, offset), report)
        };
        read.unwrap_or_else(|what| {
            let lost = if is_delete {
                Lost::Deletes {
                    namespace: None,
                    generation: Some(self.generation),
                }
            } else if ExemplarFrame::is_one(payload) {
                Lost::Exemplars {
                    namespace: None,
                    exemplars: None,
                }
            } else {
                Lost::Samples(LostSamples::default())
            };
            report.damage.push(Damage {
                path: path.to_owned(),
                offset,
                bytes: (FRAME_STAMP_BYTES + payload.len()) as u64,
                what: format!("a frame that makes no sense: {what}"),
                lost,
            });
            Written::Not
        })
    }

    fn number(&self, id: NamespaceId) -> Result<usize, String> {
        let found = self.namespaces.iter().position(|one| one.entry.id == id);
        found.ok_or_else(|| format!("namespace {id}, which nothing names"))
    }

    fn is_flushed(&self, number: usize) -> bool {
        let namespace = self.namespaces.get(number);
        namespace.is_none_or(|one| self.generation <= one.manifest.flushed_generation)
    }

    /// Whether a writer had seen a delete that is lost, which is told once.
    fn lost_delete(
        &mut self,
        number: usize,
        seen: Generation,
        (path, offset): (&Path, u64),
        report: &mut SalvageReport,
    ) -> bool {
        let Some(namespace) = self.namespaces.get(number) else {
            return false;
        };
        if self
            .last_deletes
            .get(number)
            .is_none_or(|last| seen <= *last)
        {
            return false;
        }
        let lost = Lost::Deletes {
            namespace: Some(namespace.entry.name.clone()),
            generation: Some(seen),
        };
        if !report.damage.iter().any(|damage| damage.lost == lost) {
            report.damage.push(Damage {
                path: path.to_owned(),
                offset,
                bytes: 0,
                what: format!("its writer had seen the delete of generation {seen}, which is lost"),
                lost,
            });
        }
        true
    }

    fn last_delete(&self, number: usize) -> Generation {
        self.last_deletes.get(number).copied().unwrap_or_default()
    }

    fn delete(
        &mut self,
        payload: &[u8],
        place: (&Path, u64),
        report: &mut SalvageReport,
    ) -> Result<Written, String> {
        let mut frame = DeleteFrame::decode(payload).map_err(|error| error.to_string())?;
        let number = self.number(frame.namespace)?;
        if self.is_flushed(number) {
            return Ok(Written::Same);
        }
        if frame.tombstone.generation != self.generation || self.some_lost {
            return Err("a delete that does not begin its generation".to_owned());
        }
        Delete::new(frame.tombstone.clone()).map_err(|error| error.to_string())?;
        let anew = self.lost_delete(number, frame.delete_seen, place, report);
        if anew {
            frame.delete_seen = self.last_delete(number);
        }
        if let Some(last) = self.last_deletes.get_mut(number) {
            *last = self.generation;
        }
        Ok(if anew {
            Written::Anew(frame.encode().split_off(FRAME_STAMP_BYTES))
        } else {
            Written::Same
        })
    }

    fn floats(
        &mut self,
        payload: &[u8],
        place: (&Path, u64),
        report: &mut SalvageReport,
    ) -> Result<Written, String> {
        let text = |error: DecodeError| error.to_string();
        let frame = SampleFrame::decode(payload).map_err(text)?;
        let number = self.number(frame.head.namespace)?;
        if self.is_flushed(number) {
            return Ok(Written::Same);
        }
        let mut rows = frame.rows();
        let mut decoded = Vec::new();
        while let Some(row) = rows.next_row().map_err(text)? {
            decoded.push(row);
        }
        let mut anew = self.some_lost;
        anew |= self.lost_delete(number, frame.head.delete_seen, place, report);
        let all = decoded.len();
        self.keep_rows(number, &mut decoded);
        report.samples += decoded.len() as u64;
        if !anew && decoded.len() == all {
            return Ok(Written::Same);
        }
        let Some(first) = decoded.first() else {
            return Ok(Written::Not);
        };
        self.floats.start(first.timestamp);
        let seen = frame.head.delete_seen.min(self.last_delete(number));
        self.floats.saw_delete(seen);
        for row in decoded {
            self.floats.push(row);
        }
        let mut payload = Vec::new();
        self.floats
            .finish(frame.head.namespace, frame.head.shard, &mut payload);
        Ok(Written::Anew(payload))
    }

    /// Leaves the rows whose series has a name and whose value is known.
    fn keep_rows(&mut self, number: usize, rows: &mut Vec<Row>) {
        let Self {
            namespaces,
            nameless,
            repeats,
            values,
            some_lost,
            ..
        } = self;
        let (Some(namespace), Some(nameless), Some(repeats)) = (
            namespaces.get_mut(number),
            nameless.get_mut(number),
            repeats.get_mut(number),
        ) else {
            return;
        };
        rows.retain_mut(|row| {
            let times = (row.timestamp, row.timestamp);
            namespace.names.given(row.series);
            if !namespace.names.has(row.series) {
                nameless.add(row.series, times, 1);
                return false;
            }
            if !*some_lost {
                return true;
            }
            let key = (namespace.entry.id, row.series);
            match row.value {
                Some(bits) => {
                    values.insert(key, bits);
                }
                None => row.value = values.get(&key).copied(),
            }
            if row.value.is_none() {
                repeats.add(row.series, times, 1);
            }
            row.value.is_some()
        });
    }

    /// Leaves the rows whose series has a name. Those that are left keep the place of the first.
    fn exemplars(
        &mut self,
        payload: &[u8],
        place: (&Path, u64),
        report: &mut SalvageReport,
    ) -> Result<Written, String> {
        let text = |error: DecodeError| error.to_string();
        let frame = ExemplarFrame::decode(payload).map_err(text)?;
        let head = frame.head;
        let number = self.number(head.namespace)?;
        if self.is_flushed(number) {
            return Ok(Written::Same);
        }
        let mut rows = frame.rows();
        let mut decoded = Vec::new();
        while let Some(row) = rows.next_row().map_err(text)? {
            Labels::from_bytes(row.labels.into()).map_err(|error| error.to_string())?;
            decoded.push(row);
        }
        let anew = self.lost_delete(number, head.delete_seen, place, report);
        let seen = head.delete_seen.min(self.last_delete(number));
        let Some(namespace) = self.namespaces.get_mut(number) else {
            return Ok(Written::Same);
        };
        let all = decoded.len();
        decoded.retain(|row| {
            namespace.names.given(row.series);
            namespace.names.has(row.series)
        });
        let lost = all - decoded.len();
        if lost > 0 {
            report.damage.push(Damage {
                path: place.0.to_owned(),
                offset: place.1,
                bytes: 0,
                what: "exemplars of series that no series file and no block names".to_owned(),
                lost: Lost::Exemplars {
                    namespace: Some(namespace.entry.name.clone()),
                    exemplars: Some(lost as u64),
                },
            });
        }
        if !anew && lost == 0 {
            return Ok(Written::Same);
        }
        let Some(first) = decoded.first() else {
            return Ok(Written::Not);
        };
        let mut encoder = ExemplarFrameEncoder::default();
        encoder.start(first.timestamp, frame.first_arrival);
        encoder.saw_delete(seen);
        decoded.into_iter().for_each(|row| encoder.push(row));
        let mut payload = Vec::new();
        encoder.finish(head.namespace, head.shard, &mut payload);
        Ok(Written::Anew(payload))
    }

    fn histograms(
        &mut self,
        payload: &[u8],
        place: (&Path, u64),
        report: &mut SalvageReport,
    ) -> Result<Written, String> {
        let text = |error: DecodeError| error.to_string();
        let frame = HistogramFrame::decode(payload).map_err(text)?;
        let number = self.number(frame.head.namespace)?;
        if self.is_flushed(number) {
            return Ok(Written::Same);
        }
        let mut rows = frame.rows();
        let mut decoded = Vec::new();
        while let Some(row) = rows.next_row().map_err(text)? {
            Histogram::from_bytes(row.bytes).map_err(text)?;
            decoded.push(row);
        }
        let anew = self.lost_delete(number, frame.head.delete_seen, place, report);
        let all = decoded.len();
        let lost = (
            self.namespaces.get_mut(number),
            self.nameless.get_mut(number),
        );
        let (Some(namespace), Some(nameless)) = lost else {
            return Ok(Written::Same);
        };
        decoded.retain(|row| {
            namespace.names.given(row.series);
            let named = namespace.names.has(row.series);
            if !named {
                nameless.add(row.series, (row.timestamp, row.timestamp), 1);
            }
            named
        });
        report.samples += decoded.len() as u64;
        if !anew && decoded.len() == all {
            return Ok(Written::Same);
        }
        let Some(first) = decoded.first() else {
            return Ok(Written::Not);
        };
        self.histograms.start(first.timestamp);
        let seen = frame.head.delete_seen.min(self.last_delete(number));
        self.histograms.saw_delete(seen);
        for row in decoded {
            self.histograms.push(row);
        }
        let mut payload = Vec::new();
        self.histograms
            .finish(frame.head.namespace, frame.head.shard, &mut payload);
        Ok(Written::Anew(payload))
    }
}
