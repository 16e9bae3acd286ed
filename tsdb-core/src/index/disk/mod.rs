//! The index inside a block file: sorted terms, postings and the labels of rows, in small parts
//! that are read when needed.

mod cache;
mod cardinality;
mod disk_terms;
mod error;
mod image;
mod layout;
mod list;
mod name;
mod node;
mod part;
mod reader;
mod row;
mod row_page;
mod term_page;
mod terms;
#[cfg(test)]
mod tests;
mod tree;
mod tree_writer;
mod verify;
mod writer;

pub use error::IndexError;
pub(super) use image::IndexImage;
pub use layout::INDEX_FOOTER_BYTES;
pub use reader::IndexReader;
pub use writer::IndexWriter;
