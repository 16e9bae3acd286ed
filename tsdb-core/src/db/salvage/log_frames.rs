//! Frames of logs, one after the other: what of them still makes sense.

use std::fmt::Display;
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

/// Why rows are given up whose value cannot be told.
const REPEATS: &str = "rows that repeat a value which may stand in a lost frame";

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

impl Written {
    /// What is written where these rows are left: `encode` is given the first of them.
    fn of<R>(is_same: bool, left: &[R], encode: impl FnOnce(&R, &mut Vec<u8>)) -> Self {
        match left.first() {
            _ if is_same => Self::Same,
            None => Self::Not,
            Some(first) => {
                let mut payload = Vec::new();
                encode(first, &mut payload);
                Self::Anew(payload)
            }
        }
    }
}

/// Where a frame is: its log, and the offset in it.
type FramePlace<'a> = (&'a Path, u64);

/// A namespace while the frames of logs pass by.
struct Passed<'a> {
    namespace: &'a mut ExaminedNamespace,
    /// The last delete known.
    last_delete: Generation,
    /// What is given up in the present log.
    nameless: LostRows,
    repeats: LostRows,
    /// Values met since frames were lost.
    values: HashMap<SeriesId, u64>,
}

impl Passed<'_> {
    /// The delete that a writer had seen last, or the last one known if that is lost, which is told
    /// once.
    fn known_delete(
        &self,
        seen: Generation,
        (path, offset): FramePlace<'_>,
        report: &mut SalvageReport,
    ) -> Generation {
        if seen <= self.last_delete {
            return seen;
        }
        let lost = Lost::Deletes {
            namespace: Some(self.namespace.entry.name.clone()),
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
        self.last_delete
    }

    /// Leaves the rows whose series has a name; `key` tells series and time of one.
    fn keep_named<R>(&mut self, rows: &mut Vec<R>, key: impl Fn(&R) -> (SeriesId, i64)) {
        rows.retain(|row| {
            let (series, time) = key(row);
            let is_named = self.namespace.names.meet(series);
            if !is_named {
                self.nameless.add(series, (time, time), 1);
            }
            is_named
        });
    }

    /// Leaves the rows whose value is known although frames before them are lost.
    fn keep_valued(&mut self, rows: &mut Vec<Row>) {
        rows.retain_mut(|row| {
            match row.value {
                Some(bits) => {
                    self.values.insert(row.series, bits);
                }
                None => row.value = self.values.get(&row.series).copied(),
            }
            if row.value.is_none() {
                let times = (row.timestamp, row.timestamp);
                self.repeats.add(row.series, times, 1);
            }
            row.value.is_some()
        });
    }
}

/// What is known while the frames of logs pass by.
pub(super) struct Frames<'a> {
    namespaces: Vec<Passed<'a>>,
    /// [`Examined::removed_below`](super::examine::Examined::removed_below).
    removed_below: NamespaceId,
    generation: Generation,
    /// Whether frames of the present log are lost: a value as before may then be one of theirs.
    some_lost: bool,
}

impl<'a> Frames<'a> {
    pub(super) fn new(namespaces: &'a mut [ExaminedNamespace], removed_below: NamespaceId) -> Self {
        let namespaces = namespaces.iter_mut().map(|namespace| Passed {
            last_delete: namespace.manifest.last_delete,
            namespace,
            nameless: LostRows::default(),
            repeats: LostRows::default(),
            values: HashMap::default(),
        });
        Self {
            namespaces: namespaces.collect(),
            removed_below,
            generation: Generation(0),
            some_lost: false,
        }
    }

    /// A log begins.
    pub(super) fn begin(&mut self, generation: Generation) {
        self.generation = generation;
        self.some_lost = false;
        for one in &mut self.namespaces {
            one.values.clear();
            (one.nameless, one.repeats) = (LostRows::default(), LostRows::default());
        }
    }

    /// Frames of the present log are lost here.
    pub(super) fn lost_some(&mut self) {
        self.some_lost = true;
        self.namespaces
            .iter_mut()
            .for_each(|one| one.values.clear());
    }

    /// The present log ends: what of its rows is given up.
    pub(super) fn end(&self, path: &Path, report: &mut SalvageReport) {
        let nameless = self
            .namespaces
            .iter()
            .map(|one| (one, &one.nameless, NAMELESS));
        let repeats = self
            .namespaces
            .iter()
            .map(|one| (one, &one.repeats, REPEATS));
        for (one, rows, what) in nameless.chain(repeats) {
            let place = (path, one.namespace.entry.name.as_str());
            report.damage.extend(rows.damage(place, 0, what));
        }
    }

    /// Looks at a frame whose checksum is right.
    pub(super) fn frame(
        &mut self,
        place: FramePlace<'_>,
        payload: &[u8],
        report: &mut SalvageReport,
    ) -> Written {
        let namespace = None;
        let (read, lost) = if DeleteFrame::is_one(payload) {
            let generation = Some(self.generation);
            let lost = Lost::Deletes {
                namespace,
                generation,
            };
            (self.delete(payload, place, report), lost)
        } else if ExemplarFrame::is_one(payload) {
            let exemplars = None;
            let lost = Lost::Exemplars {
                namespace,
                exemplars,
            };
            (self.exemplars(payload, place, report), lost)
        } else {
            let read = if HistogramFrame::is_one(payload) {
                self.histograms(payload, place, report)
            } else {
                self.floats(payload, place, report)
            };
            (read, Lost::Samples(LostSamples::default()))
        };
        read.unwrap_or_else(|what| {
            report.damage.push(Damage {
                path: place.0.to_owned(),
                offset: place.1,
                bytes: (FRAME_STAMP_BYTES + payload.len()) as u64,
                what: format!("a frame that makes no sense: {what}"),
                lost,
            });
            Written::Not
        })
    }

    /// The namespace of a frame; none if its samples are flushed, or it was removed.
    fn unflushed(&mut self, id: NamespaceId) -> Result<Option<&mut Passed<'a>>, String> {
        let mut namespaces = self.namespaces.iter_mut();
        let found = namespaces.find(|one| one.namespace.entry.id == id);
        if found.is_none() && id < self.removed_below {
            return Ok(None);
        }
        let found = found.ok_or_else(|| format!("namespace {id}, which nothing names"))?;
        let is_flushed = self.generation <= found.namespace.manifest.flushed_generation;
        Ok((!is_flushed).then_some(found))
    }

    fn delete(
        &mut self,
        payload: &[u8],
        place: FramePlace<'_>,
        report: &mut SalvageReport,
    ) -> Result<Written, String> {
        let (generation, some_lost) = (self.generation, self.some_lost);
        let mut frame = DeleteFrame::decode(payload).map_err(text)?;
        let Some(namespace) = self.unflushed(frame.namespace)? else {
            return Ok(Written::Same);
        };
        if frame.tombstone.generation != generation || some_lost {
            return Err("a delete that does not begin its generation".to_owned());
        }
        Delete::new(frame.tombstone.clone()).map_err(text)?;
        let seen = namespace.known_delete(frame.delete_seen, place, report);
        namespace.last_delete = generation;
        if seen == frame.delete_seen {
            return Ok(Written::Same);
        }
        frame.delete_seen = seen;
        Ok(Written::Anew(frame.encode().split_off(FRAME_STAMP_BYTES)))
    }

    fn floats(
        &mut self,
        payload: &[u8],
        place: FramePlace<'_>,
        report: &mut SalvageReport,
    ) -> Result<Written, String> {
        let some_lost = self.some_lost;
        let frame = SampleFrame::decode(payload).map_err(text)?;
        let head = frame.head;
        let Some(namespace) = self.unflushed(head.namespace)? else {
            return Ok(Written::Same);
        };
        let mut rows = frame.rows();
        let mut left = all_rows(|| rows.next_row(), |_| Ok(()))?;
        let all = left.len();
        let seen = namespace.known_delete(head.delete_seen, place, report);
        namespace.keep_named(&mut left, |row| (row.series, row.timestamp));
        if some_lost {
            namespace.keep_valued(&mut left);
        }
        report.samples += left.len() as u64;
        let is_same = !some_lost && seen == head.delete_seen && left.len() == all;
        Ok(Written::of(is_same, &left, |first, payload| {
            let mut encoder = SampleFrameEncoder::new();
            encoder.start(first.timestamp);
            encoder.saw_delete(seen);
            left.iter().for_each(|row| encoder.push(*row));
            encoder.finish(head.namespace, head.shard, payload);
        }))
    }

    fn histograms(
        &mut self,
        payload: &[u8],
        place: FramePlace<'_>,
        report: &mut SalvageReport,
    ) -> Result<Written, String> {
        let frame = HistogramFrame::decode(payload).map_err(text)?;
        let head = frame.head;
        let Some(namespace) = self.unflushed(head.namespace)? else {
            return Ok(Written::Same);
        };
        let mut rows = frame.rows();
        let check = |bytes| Histogram::from_bytes(bytes).map(|_| ()).map_err(text);
        let mut left = all_rows(|| rows.next_row(), |row| check(row.bytes))?;
        let all = left.len();
        let seen = namespace.known_delete(head.delete_seen, place, report);
        namespace.keep_named(&mut left, |row| (row.series, row.timestamp));
        report.samples += left.len() as u64;
        let is_same = seen == head.delete_seen && left.len() == all;
        Ok(Written::of(is_same, &left, |first, payload| {
            let mut encoder = HistogramFrameEncoder::default();
            encoder.start(first.timestamp);
            encoder.saw_delete(seen);
            left.iter().for_each(|row| encoder.push(*row));
            encoder.finish(head.namespace, head.shard, payload);
        }))
    }

    /// Leaves the rows whose series has a name. Those that are left keep the place of the first.
    fn exemplars(
        &mut self,
        payload: &[u8],
        place: FramePlace<'_>,
        report: &mut SalvageReport,
    ) -> Result<Written, String> {
        let frame = ExemplarFrame::decode(payload).map_err(text)?;
        let head = frame.head;
        let Some(namespace) = self.unflushed(head.namespace)? else {
            return Ok(Written::Same);
        };
        let mut rows = frame.rows();
        let check = |labels: &[u8]| Labels::from_bytes(labels.into()).map(|_| ()).map_err(text);
        let mut left = all_rows(|| rows.next_row(), |row| check(row.labels))?;
        let all = left.len();
        let seen = namespace.known_delete(head.delete_seen, place, report);
        let examined = &mut *namespace.namespace;
        left.retain(|row| examined.names.meet(row.series));
        let lost = all - left.len();
        if lost > 0 {
            report.damage.push(Damage {
                path: place.0.to_owned(),
                offset: place.1,
                bytes: 0,
                what: "exemplars of series that no series file and no block names".to_owned(),
                lost: Lost::Exemplars {
                    namespace: Some(examined.entry.name.clone()),
                    exemplars: Some(lost as u64),
                },
            });
        }
        let is_same = seen == head.delete_seen && lost == 0;
        Ok(Written::of(is_same, &left, |first, payload| {
            let mut encoder = ExemplarFrameEncoder::default();
            encoder.start(first.timestamp, frame.first_arrival);
            encoder.saw_delete(seen);
            left.iter().for_each(|row| encoder.push(*row));
            encoder.finish(head.namespace, head.shard, payload);
        }))
    }
}

fn text(error: impl Display) -> String {
    error.to_string()
}

/// All rows of a frame, if `check` lets each of them pass.
fn all_rows<R>(
    mut next: impl FnMut() -> Result<Option<R>, DecodeError>,
    check: impl Fn(&R) -> Result<(), String>,
) -> Result<Vec<R>, String> {
    let mut rows = Vec::new();
    while let Some(row) = next().map_err(text)? {
        check(&row)?;
        rows.push(row);
    }
    Ok(rows)
}
