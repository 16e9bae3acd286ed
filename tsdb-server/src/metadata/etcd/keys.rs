//! Ranges of keys, as etcd is asked for them.

/// Stands for the first key of all, and for the end of all keys.
const ALL: [u8; 1] = [0];

/// The first of the keys that begin with `prefix`.
pub(super) fn first_key(prefix: &str) -> Vec<u8> {
    match prefix.is_empty() {
        true => ALL.to_vec(),
        false => prefix.as_bytes().to_vec(),
    }
}

/// What comes after all keys that begin with `prefix`.
pub(super) fn end_of_prefix(prefix: &str) -> Vec<u8> {
    let mut end = prefix.as_bytes().to_vec();
    // No text in UTF-8 has a byte that cannot grow.
    match end.last_mut() {
        Some(last) => *last = last.saturating_add(1),
        None => return ALL.to_vec(),
    }
    end
}

/// The key after `key`.
pub(super) fn next_key(mut key: Vec<u8>) -> Vec<u8> {
    key.push(0);
    key
}
