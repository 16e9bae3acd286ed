//! Documents: what a cluster says of itself, kept with the catalog, so that whatever carries the
//! catalog along carries them too.

use std::sync::Arc;

use super::{Db, Error};
use crate::manifest::{
    Catalog, DOCUMENT_BYTES_MAX, DOCUMENTS_BYTES_MAX, Document, check_document_name,
};

impl Db {
    /// The document of this name.
    #[must_use]
    pub fn document(&self, name: &str) -> Option<Document> {
        let catalog = self.inner.catalog.read();
        let at = find(&catalog, name).ok()?;
        catalog.documents.get(at).cloned()
    }

    /// The documents whose names begin with `prefix`, sorted by name.
    #[must_use]
    pub fn documents(&self, prefix: &str) -> Vec<Document> {
        let catalog = self.inner.catalog.read();
        let from = find(&catalog, prefix).unwrap_or_else(|at| at);
        let behind = catalog.documents.iter().skip(from);
        let found = behind.take_while(|document| document.name.starts_with(prefix));
        found.cloned().collect()
    }

    /// Makes or replaces the document of this name, and answers its new version: larger than any
    /// that it ever had. It is durable when this returns. `expected` is the version that it must
    /// have now, `None` if there must be none.
    ///
    /// All documents are written at each change: they are meant for what seldom changes. There may
    /// be [`DOCUMENTS_BYTES_MAX`] bytes of them.
    ///
    /// # Errors
    /// [`super::ErrorKind::Conflict`] when it has another version;
    /// [`super::ErrorKind::InvalidInput`] for a name that cannot be and for what is too large; and
    /// when the disk refuses: then the change may or may not be found once the Db is opened again.
    pub fn put_document(
        &self,
        name: &str,
        expected: Option<u64>,
        bytes: &[u8],
    ) -> Result<u64, Error> {
        check_document_name(name).map_err(|why| Error::Invalid {
            name: "the name of a document",
            value: format!("{name:?}, {} bytes", name.len()),
            why,
        })?;
        if bytes.len() > DOCUMENT_BYTES_MAX {
            return Err(Error::Invalid {
                name: "the size of a document",
                value: format!("{} bytes", bytes.len()),
                why: "it must be at most 1 MiB: shorten it, or cut it into several",
            });
        }
        self.inner.change_catalog(|catalog| {
            let at = expect(catalog, name, expected)?;
            let version = catalog.sequence;
            let document = Document {
                name: name.to_owned(),
                version,
                bytes: Arc::from(bytes),
            };
            match at {
                Ok(at) => catalog.documents.splice(at..=at, [document]).for_each(drop),
                Err(at) => catalog.documents.insert(at, document),
            }
            check_size(&catalog.documents)?;
            Ok(version)
        })
    }

    /// Removes the document of this name, which must have the version `expected`. It is durably
    /// gone when this returns.
    ///
    /// # Errors
    /// [`super::ErrorKind::Conflict`] when it has another version, or there is none; and when the
    /// disk refuses, as [`Db::put_document`].
    pub fn remove_document(&self, name: &str, expected: u64) -> Result<(), Error> {
        self.inner.change_catalog(|catalog| {
            if let Ok(at) = expect(catalog, name, Some(expected))? {
                catalog.documents.remove(at);
            }
            Ok(())
        })
    }
}

/// Where a document is, or where it would be.
fn find(catalog: &Catalog, name: &str) -> Result<usize, usize> {
    let documents = &catalog.documents;
    documents.binary_search_by(|document| document.name.as_str().cmp(name))
}

/// The same; an error if it is not of the version that is expected.
fn expect(
    catalog: &Catalog,
    name: &str,
    expected: Option<u64>,
) -> Result<Result<usize, usize>, Error> {
    let at = find(catalog, name);
    let document = at.ok().and_then(|at| catalog.documents.get(at));
    let found = document.map(|document| document.version);
    if found == expected {
        return Ok(at);
    }
    Err(Error::Conflict {
        name: name.to_owned(),
        expected,
        found,
    })
}

fn check_size(documents: &[Document]) -> Result<(), Error> {
    let size: usize = documents.iter().map(Document::size).sum();
    if size <= DOCUMENTS_BYTES_MAX {
        return Ok(());
    }
    Err(Error::Invalid {
        name: "the size of all documents and their names",
        value: format!("{size} bytes"),
        why: "they must be at most 8 MiB together: remove some, or shorten them",
    })
}
