//! Exemplars: read when a namespace is opened, saved before the log that holds them goes.

use std::path::Path;
use std::sync::Arc;

use super::copy::replace;
use super::database::Inner;
use super::namespace::NamespaceState;
use super::open::Found;
use super::{DbOptions, Error, Namespace};
use crate::bits::DecodeError;
use crate::exemplar::{
    EXEMPLARS_HEADER_BYTES, ExemplarsHeader, ExemplarsImage, RingLimits, SeriesExemplars,
    exemplars_path,
};
use crate::model::{Matcher, NamespaceId, TimeRange};
use crate::shard::Exemplars;
use crate::vfs::{OpenMode, Vfs, open_if_there, read_exact_at, read_to_end};

/// The exemplars of a namespace may take this part of the memory budget.
const MEMORY_PART: u64 = 16;

/// How much rings may hold.
#[derive(Clone, Copy, Debug)]
pub(super) enum RingBounds {
    /// What the options say.
    Options(RingLimits),
    /// What the writer's did.
    Writer,
}

impl RingBounds {
    pub(super) fn of(options: &DbOptions) -> Self {
        let bytes = options.memory_budget_bytes / MEMORY_PART;
        Self::Options(RingLimits {
            exemplars: options.exemplars_max,
            bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
        })
    }

    fn limits(self, image: Option<&ExemplarsImage>) -> RingLimits {
        match self {
            Self::Options(limits) => limits,
            Self::Writer => RingLimits {
                exemplars: image.map_or(DbOptions::default().exemplars_max, |image| {
                    usize::try_from(image.header.limit).unwrap_or(usize::MAX)
                }),
                bytes: usize::MAX,
            },
        }
    }
}

/// Reads the exemplars of all that was found.
pub(super) fn read_all(
    vfs: &dyn Vfs,
    found: &mut [Found],
    bounds: RingBounds,
    options: &DbOptions,
) -> Result<(), Error> {
    for one in found {
        let image = read(vfs, &one.folder, one.entry.id)?;
        let limits = bounds.limits(image.as_ref());
        one.exemplars = Arc::new(Exemplars::new(limits, image, options.rules));
    }
    Ok(())
}

/// Reads a namespace's file, if there is one.
pub(super) fn read(
    vfs: &dyn Vfs,
    folder: &Path,
    namespace: NamespaceId,
) -> Result<Option<ExemplarsImage>, Error> {
    let path = exemplars_path(folder);
    let file = open_if_there(vfs, &path, OpenMode::Read).map_err(Error::io("opening", &path))?;
    let Some(file) = file else {
        return Ok(None);
    };
    let bytes = read_to_end(&*file).map_err(Error::io("reading", &path))?;
    let corrupt = |error: DecodeError| Error::Corrupt {
        path: path.clone(),
        offset: error.offset as u64,
        what: error.what.to_owned(),
    };
    let image = ExemplarsImage::decode(&bytes).map_err(corrupt)?;
    if image.header.namespace != namespace {
        return Err(corrupt(DecodeError {
            what: "the file of another namespace",
            offset: 12,
        }));
    }
    Ok(Some(image))
}

/// Whether a namespace's file is still the one that was read: its writer may replace it.
pub(super) fn is_unchanged(
    vfs: &dyn Vfs,
    folder: &Path,
    before: Option<ExemplarsHeader>,
) -> Result<bool, Error> {
    let path = exemplars_path(folder);
    let file = open_if_there(vfs, &path, OpenMode::Read).map_err(Error::io("opening", &path))?;
    let Some(file) = file else {
        return Ok(before.is_none());
    };
    let mut head = [0; EXEMPLARS_HEADER_BYTES];
    read_exact_at(&*file, &mut head, 0).map_err(Error::io("reading", &path))?;
    Ok(ExemplarsHeader::decode(&head).ok() == before)
}

/// Makes a file that a crash may have left unsynced durable, if there is one.
pub(super) fn sync_if_there(vfs: &dyn Vfs, folder: &Path) -> Result<(), Error> {
    let path = exemplars_path(folder);
    let file = open_if_there(vfs, &path, OpenMode::ReadWrite);
    match file.map_err(Error::io("opening", &path))? {
        Some(file) => file.sync().map_err(Error::io("syncing", path)),
        None => Ok(()),
    }
}

impl Inner {
    /// Writes the exemplars of a namespace to their file if it does not hold them as they are:
    /// durable when this returns. To be called with upkeep locked.
    pub(super) fn save_exemplars(&self, state: &NamespaceState) -> Result<(), Error> {
        let log = self.log.as_ref().ok_or(Error::ReadOnly)?;
        let head = state.head();
        let ring = head.exemplars().lock();
        if !ring.is_unsaved() {
            return Ok(());
        }
        let (image, changes) = (ring.image(state.id), ring.changes());
        drop(ring);
        // What the log may yet lose must not be in the file: half of a delete would stay.
        log.barrier().wait()?;
        replace(&*self.vfs, &exemplars_path(&state.folder), &image.encode())?;
        let mut ring = head.exemplars().lock();
        ring.note_saved(changes, image.header.generation);
        Ok(())
    }
}

impl Namespace {
    /// The exemplars in `range` of all series that match all `matchers`, in order of the series'
    /// labels, and of time within. Kept are the newest by arrival, see
    /// [`DbOptions::exemplars_max`].
    ///
    /// # Errors
    /// When the Db is closed.
    pub fn exemplars(
        &self,
        range: TimeRange,
        matchers: &[Matcher],
    ) -> Result<Vec<SeriesExemplars>, Error> {
        self.inner.check_open()?;
        Ok(self.state.head_there()?.select_exemplars(range, matchers))
    }
}
