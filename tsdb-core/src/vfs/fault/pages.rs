use std::sync::Arc;

/// Unit in which content is shared between copies and space is taken on the disk.
pub(super) const PAGE_BYTES: usize = 4096;
/// Longest file, in bytes: bounds the table of pages, as a real file system bounds its own.
pub(super) const LONGEST_FILE: u64 = 1 << 36;

type Page = [u8; PAGE_BYTES];

/// The bytes of a file. Copies are cheap: they share every page until one of them is written.
#[derive(Clone, Default)]
pub(super) struct Pages {
    len: u64,
    /// A missing page reads as zeros. No page starts at or past `len`.
    pages: Arc<Vec<Option<Arc<Page>>>>,
}

/// The part of one page that a range of the file touches.
struct Piece {
    page: usize,
    from: usize,
    count: usize,
}

impl Pages {
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Fills `buf` from `offset` and says how many bytes there were.
    pub(super) fn read(&self, buf: &mut [u8], offset: u64) -> usize {
        let available = self.len.saturating_sub(offset).min(buf.len() as u64);
        let count = usize::try_from(available).unwrap_or(0);
        let mut rest = buf.get_mut(..count).unwrap_or_default();
        for piece in pieces(offset, count) {
            let (part, behind) = rest.split_at_mut(piece.count);
            match self.pages.get(piece.page) {
                Some(Some(page)) => {
                    let bytes = page.get(piece.from..piece.from + piece.count);
                    part.copy_from_slice(bytes.unwrap_or_default());
                }
                _ => part.fill(0),
            }
            rest = behind;
        }
        count
    }

    /// Writes within [`LONGEST_FILE`], which the caller has checked.
    pub(super) fn write(&mut self, buf: &[u8], offset: u64) {
        let mut rest = buf;
        for piece in pieces(offset, buf.len()) {
            let (part, behind) = rest.split_at(piece.count);
            let page = self.page_mut(piece.page);
            if let Some(target) = page.get_mut(piece.from..piece.from + piece.count) {
                target.copy_from_slice(part);
            }
            rest = behind;
        }
        self.extend(offset + buf.len() as u64);
    }

    /// Makes the file at least `len` bytes long, with zeros.
    pub(super) fn extend(&mut self, len: u64) {
        self.len = self.len.max(len);
    }

    /// Cuts or extends the file; what comes back after a cut is zeros.
    pub(super) fn set_len(&mut self, len: u64) {
        if len < self.len {
            let kept = page_count(len);
            if kept < self.pages.len() {
                Arc::make_mut(&mut self.pages).truncate(kept);
            }
            let inside = page_offset(len);
            if inside > 0 && self.has_page(kept - 1) {
                self.page_mut(kept - 1)
                    .iter_mut()
                    .skip(inside)
                    .for_each(|byte| *byte = 0);
            }
        }
        self.len = len;
    }

    pub(super) fn to_vec(&self) -> Vec<u8> {
        let mut content = vec![0; usize::try_from(self.len).unwrap_or(0)];
        self.read(&mut content, 0);
        content
    }

    /// Whether the page with this index holds bytes of its own.
    pub(super) fn has_page(&self, index: usize) -> bool {
        matches!(self.pages.get(index), Some(Some(_)))
    }

    /// How many pages at or past `index` hold bytes of their own.
    pub(super) fn pages_from(&self, index: usize) -> usize {
        self.pages
            .iter()
            .skip(index)
            .filter(|page| page.is_some())
            .count()
    }

    fn page_mut(&mut self, index: usize) -> &mut Page {
        let pages = Arc::make_mut(&mut self.pages);
        if pages.len() <= index {
            pages.resize(index + 1, None);
        }
        #[expect(
            clippy::indexing_slicing,
            reason = "the table has just been made long enough"
        )]
        Arc::make_mut(pages[index].get_or_insert_with(|| Arc::new([0; PAGE_BYTES])))
    }
}

/// Pages needed for `len` bytes.
pub(super) fn page_count(len: u64) -> usize {
    usize::try_from(len.div_ceil(PAGE_BYTES as u64)).unwrap_or(usize::MAX)
}

fn page_offset(offset: u64) -> usize {
    usize::try_from(offset % PAGE_BYTES as u64).unwrap_or(0)
}

fn pieces(offset: u64, count: usize) -> impl Iterator<Item = Piece> {
    let mut page = usize::try_from(offset / PAGE_BYTES as u64).unwrap_or(usize::MAX);
    let mut from = page_offset(offset);
    let mut left = count;
    std::iter::from_fn(move || {
        if left == 0 {
            return None;
        }
        let piece = Piece {
            page,
            from,
            count: left.min(PAGE_BYTES - from),
        };
        left -= piece.count;
        page += 1;
        from = 0;
        Some(piece)
    })
}
