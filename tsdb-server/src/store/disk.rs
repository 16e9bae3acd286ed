//! Writes are turned away before the disk is full, so that flushing and recovery have room.

use std::path::PathBuf;

use crate::machine::{DiskSpace, disk_space};

/// How full the disk of a folder may get.
#[derive(Clone, Debug)]
pub(crate) struct DiskWatch {
    /// A folder on the disk.
    pub(crate) folder: PathBuf,
    /// Percent of the disk that may be used; 100 and more is any.
    pub(crate) high_water_percent: u8,
}

/// Room on the disk, and how much of it may be used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DiskUse {
    /// Room on it.
    pub(crate) space: DiskSpace,
    /// [`DiskWatch::high_water_percent`].
    pub(crate) high_water_percent: u8,
}

impl DiskWatch {
    /// Room at this moment; `None` when the disk does not say.
    pub(super) fn usage(&self) -> Option<DiskUse> {
        Some(DiskUse {
            space: disk_space(&self.folder)?,
            high_water_percent: self.high_water_percent,
        })
    }

    /// Why writes are to be turned away; `None` when they are not, or when the disk does not say.
    pub(super) fn refusal(&self) -> Option<String> {
        let space = disk_space(&self.folder)?;
        let limit = self.high_water_percent;
        is_above(space, limit).then(|| {
            format!(
                "the disk of {} has {} of {} bytes left, so it is fuller than the limit disk-high-water of {limit} %: \
                 free space, shorten --retention, or raise --disk-high-water (100 turns it off)",
                self.folder.display(),
                space.free_bytes,
                space.size_bytes,
            )
        })
    }
}

fn is_above(space: DiskSpace, percent: u8) -> bool {
    let used = space.size_bytes.saturating_sub(space.free_bytes);
    percent < 100 && u128::from(used) * 100 > u128::from(space.size_bytes) * u128::from(percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_itself_is_allowed() {
        let space = |free_bytes| DiskSpace {
            free_bytes,
            size_bytes: 1000,
        };
        assert!(!is_above(space(100), 90));
        assert!(is_above(space(99), 90));
        assert!(!is_above(space(0), 100));
        assert!(is_above(space(999), 0));
        assert!(!is_above(
            DiskSpace {
                free_bytes: 0,
                size_bytes: 0
            },
            90
        ));
        assert!(is_above(
            DiskSpace {
                free_bytes: 0,
                size_bytes: u64::MAX
            },
            99
        ));
    }

    #[test]
    fn a_refusal_names_the_limit_and_how_to_raise_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let watch = |high_water_percent| DiskWatch {
            folder: folder.path().to_owned(),
            high_water_percent,
        };
        let text = watch(0).refusal().expect("any use is above 0 %");
        assert!(
            text.contains("disk-high-water of 0 %") && text.contains("--disk-high-water"),
            "{text}"
        );
        assert_eq!(watch(100).refusal(), None);
    }
}
