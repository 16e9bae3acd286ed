//! Unions of very many lists, most of them short.

use roaring::MultiOps;

use super::list::Parts;
use super::{PostingList, Postings};

/// Runs up to this long are treated number by number.
const SHORT_RUN: u32 = 64;

/// All numbers of all `lists`.
#[must_use]
pub fn union<'a>(lists: impl IntoIterator<Item = &'a PostingList>) -> Postings {
    let (mut bitmaps, mut runs, mut single) = (Vec::new(), Vec::new(), Vec::new());
    for list in lists {
        match list.parts() {
            Parts::Run { first, last } if first > last => {}
            Parts::Run { first, last } if last - first < SHORT_RUN => single.extend(first..=last),
            Parts::Run { first, last } => runs.push(first..=last),
            Parts::Few(few) => single.extend_from_slice(few),
            Parts::Runs(all) => runs.extend(all.iter().map(|(first, last)| *first..=*last)),
            Parts::Many(bitmap) => bitmaps.push(bitmap),
        }
    }
    // One pass in order is far cheaper than inserting each where it belongs.
    single.sort_unstable();
    let mut set: Postings = single.into_iter().collect();
    match bitmaps.as_slice() {
        [] => {}
        [bitmap] => set |= *bitmap,
        _ => set |= bitmaps.union(),
    }
    for run in runs {
        set.insert_range(run);
    }
    set
}
