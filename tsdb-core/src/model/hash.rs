//! The hash tables of the project. One place to change their hasher.

pub use hashbrown::{HashMap, HashSet, HashTable};
