//! The file of exemplars, its checksums made right, and a ring made of it.

use tsdb_core::TimeRange;
use tsdb_core::bits::crc32c;
use tsdb_core::exemplar::{EXEMPLARS_HEADER_BYTES, ExemplarRing, ExemplarsImage, RingLimits};

const CRC_BYTES: usize = 4;
const LIMIT: usize = 5;

/// Decodes the input as it is, and with checksums that match.
pub(crate) fn file(input: &[u8]) {
    play(input);
    let mut bytes = input.to_vec();
    let Some(fields) = EXEMPLARS_HEADER_BYTES.checked_sub(CRC_BYTES) else {
        return;
    };
    // The last two fields are the lengths of the sections.
    let lengths = [fields - 16, fields - 8].map(|at| {
        let field = input.get(at..at + 8)?.try_into().ok()?;
        usize::try_from(u64::from_le_bytes(field)).ok()
    });
    let mut end = seal(&mut bytes, 0, Some(fields));
    for len in lengths {
        end = end.and_then(|start| seal(&mut bytes, start, len));
    }
    play(&bytes);
}

/// Writes the checksum of a section behind it; where the next one starts.
fn seal(bytes: &mut [u8], start: usize, len: Option<usize>) -> Option<usize> {
    let end = start.checked_add(len?)?;
    let crc = crc32c(bytes.get(start..end)?).to_le_bytes();
    let behind = end.checked_add(CRC_BYTES)?;
    bytes.get_mut(end..behind)?.copy_from_slice(&crc);
    Some(behind)
}

fn play(bytes: &[u8]) {
    let Ok(image) = ExemplarsImage::decode(bytes) else {
        return;
    };
    assert!(image.series.len() + image.exemplars.len() <= bytes.len());
    assert_eq!(ExemplarsImage::decode(&image.encode()), Ok(image.clone()));
    let limits = RingLimits {
        exemplars: LIMIT,
        bytes: usize::MAX,
    };
    let (next, namespace) = (image.header.next_arrival, image.header.namespace);
    let ring = ExemplarRing::from_image(limits, image);
    assert!(ring.len() <= LIMIT && ring.next_arrival() == next);
    let found = ring.select(TimeRange::ALL, |_| true);
    let found: usize = found.iter().map(|series| series.exemplars.len()).sum();
    assert_eq!(found, ring.len());
    let again = ring.image(namespace);
    assert_eq!(ExemplarsImage::decode(&again.encode()), Ok(again));
}
