//! Reading what can still be read of a damaged run.

use std::ops::ControlFlow;

use super::layout::{CRC_BYTES, HEADER_BYTES, decode_header};
use super::meta::{ChunkRef, SectionMeta};
use super::page_index::PageSummary;
use super::page_loader::PageLoader;
use super::reader::RunReader;
use super::verify::check_times;
use super::{RunError, RunTotals};
use crate::model::{LostPart, Window};
use crate::series::MergedSamples;

/// What a pass over a damaged run meets, in order of the file.
#[derive(Debug)]
pub enum RunPart<'a> {
    /// The chunks that follow are of this window.
    Section(Window),
    /// A chunk that is whole.
    Chunk(&'a ChunkRef, &'a [u8]),
    /// Something that is not.
    Lost(LostPart),
}

impl RunReader {
    /// Hands over all chunks that are whole, and what lies between them that is not. Every byte
    /// is read and checked as by [`RunReader::verify`]; what the disk refuses to read counts as
    /// damaged.
    ///
    /// # Errors
    /// Those of `visit`.
    pub fn salvage(
        &self,
        visit: &mut dyn FnMut(RunPart<'_>) -> Result<(), RunError>,
    ) -> Result<RunTotals, RunError> {
        if let Some(what) = self.damaged_header() {
            visit(RunPart::Lost(LostPart {
                offset: 0,
                bytes: HEADER_BYTES as u64,
                what,
                series: None,
                times: (0, 0),
                samples: Some(0),
            }))?;
        }
        let mut totals = RunTotals::default();
        for (at, section) in self.sections()?.iter().enumerate() {
            visit(RunPart::Section(section.window))?;
            let found = SectionPass::run(self, at, section, visit)?;
            totals.series += found.series;
            totals.chunks += found.chunks;
            totals.samples += found.samples;
        }
        Ok(totals)
    }

    /// Reading needs no header: the footer says the same.
    fn damaged_header(&self) -> Option<String> {
        let mut header = Vec::new();
        let read = self.read(0, HEADER_BYTES as u64, &mut header);
        match read.and_then(|()| decode_header(self.path(), &header)) {
            Ok(header) if header == self.meta().header => None,
            Ok(_) => Some("header and footer tell of different runs".to_owned()),
            Err(error) => Some(error.to_string()),
        }
    }
}

/// What was met of one section.
#[derive(Default)]
struct SectionPass {
    totals: RunTotals,
    lost: Vec<LostPart>,
    last: Option<ChunkRef>,
}

impl SectionPass {
    fn run(
        reader: &RunReader,
        at: usize,
        section: &SectionMeta,
        visit: &mut dyn FnMut(RunPart<'_>) -> Result<(), RunError>,
    ) -> Result<RunTotals, RunError> {
        let mut pass = Self::default();
        match reader.section(at) {
            Ok((_, pages)) => {
                for page in 0..pages.len() {
                    pass.page(reader, (section, pages), page, visit)?;
                }
            }
            Err(error) => pass.lost.push(LostPart {
                offset: section.index_offset,
                bytes: u64::from(section.index_len),
                what: error.to_string(),
                series: Some((section.first_series, section.last_series)),
                times: (section.min_time, section.max_time),
                samples: None,
            }),
        }
        pass.count(section);
        for lost in std::mem::take(&mut pass.lost) {
            visit(RunPart::Lost(lost))?;
        }
        Ok(pass.totals)
    }

    fn page(
        &mut self,
        reader: &RunReader,
        (section, pages): (&SectionMeta, &[PageSummary]),
        at: usize,
        visit: &mut dyn FnMut(RunPart<'_>) -> Result<(), RunError>,
    ) -> Result<(), RunError> {
        let Some(page) = pages.get(at) else {
            return Ok(());
        };
        let mut chunks = Vec::new();
        let read = PageLoader::new(reader, section, pages).visit(
            at,
            |_| false,
            |chunk| {
                chunks.push(*chunk);
                ControlFlow::Continue(())
            },
        );
        if let Err(error) = read {
            self.lost.push(LostPart {
                offset: page.offset,
                bytes: u64::from(page.len),
                what: error.to_string(),
                series: Some((page.first.series, page.last.series)),
                times: (page.min_time, page.max_time),
                samples: None,
            });
            return Ok(());
        }
        for chunk in chunks {
            match self.chunk(reader, &chunk) {
                Ok(bytes) => {
                    self.totals.series += u64::from(self.last.is_none_or(|l| l.key != chunk.key));
                    self.totals.chunks += 1;
                    self.totals.samples += u64::from(chunk.meta.count);
                    self.last = Some(chunk);
                    visit(RunPart::Chunk(&chunk, &bytes))?;
                }
                Err(error) => self.lost.push(LostPart {
                    offset: chunk.offset,
                    bytes: u64::from(chunk.len) + CRC_BYTES as u64,
                    what: error.to_string(),
                    series: Some((chunk.key.series, chunk.key.series)),
                    times: (chunk.meta.min_time, chunk.meta.max_time),
                    samples: Some(u64::from(chunk.meta.count)),
                }),
            }
        }
        Ok(())
    }

    /// The bytes of a chunk that is whole and follows the one before.
    fn chunk(&self, reader: &RunReader, chunk: &ChunkRef) -> Result<Vec<u8>, RunError> {
        let follows = self.last.is_none_or(|last| {
            last.key < chunk.key
                || (last.key == chunk.key && last.meta.max_time < chunk.meta.min_time)
        });
        if !follows {
            let what = "chunks out of order";
            return Err(RunError::corrupt(reader.path(), chunk.offset, what));
        }
        let bytes = reader.read_chunk(chunk)?;
        let mut found = MergedSamples::default();
        found
            .push_chunk(chunk.meta.encoding, &bytes)
            .and_then(|()| check_times(chunk, &found))
            .map_err(|error| RunError::decode(reader.path(), chunk.offset, error))?;
        Ok(bytes)
    }

    /// The footer counts the samples of a section: if all but one lost part are counted, so is
    /// that one.
    fn count(&mut self, section: &SectionMeta) {
        let known: u64 = self.lost.iter().filter_map(|lost| lost.samples).sum();
        let left = section.samples.checked_sub(self.totals.samples + known);
        let mut uncounted = self.lost.iter_mut().filter(|lost| lost.samples.is_none());
        if let (Some(one), None) = (uncounted.next(), uncounted.next()) {
            one.samples = left;
        } else if self.lost.is_empty() && left != Some(0) {
            self.lost.push(LostPart {
                offset: section.offset,
                bytes: section.bytes(),
                what: "the footer tells of another section".to_owned(),
                series: Some((section.first_series, section.last_series)),
                times: (section.min_time, section.max_time),
                samples: left,
            });
        }
    }
}
