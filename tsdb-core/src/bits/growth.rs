//! Vectors that are large and long-lived grow by a quarter: doubling would leave a third of their
//! memory idle, and need three times as much while it copies.

/// Makes room for `more` items, a quarter of what is there at least.
pub fn reserve_slowly<T>(items: &mut Vec<T>, more: usize) {
    if items.capacity() - items.len() < more {
        items.reserve_exact(more.max(items.len() / 4).max(4));
    }
}

/// Appends an item.
#[inline]
pub fn push_slowly<T>(items: &mut Vec<T>, item: T) {
    reserve_slowly(items, 1);
    items.push(item);
}

/// Bytes that have to be taken at once to append `more` items, the old ones still held.
#[must_use]
pub fn growth_bytes<T>(items: &Vec<T>, more: usize) -> usize {
    if items.capacity() - items.len() >= more {
        return 0;
    }
    (items.len() + more.max(items.len() / 4).max(4)) * size_of::<T>()
}
