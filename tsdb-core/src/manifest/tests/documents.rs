//! Documents of a catalog.

use std::sync::Arc;

use super::*;
use crate::bits::put_uvarint;
use crate::manifest::{
    DOCUMENT_BYTES_MAX, DOCUMENT_NAME_BYTES_MAX, DOCUMENTS_BYTES_MAX, Document, check_document_name,
};

fn document(name: &str, version: u64, bytes: &[u8]) -> Document {
    Document {
        name: name.to_owned(),
        version,
        bytes: Arc::from(bytes),
    }
}

/// A catalog of the fourth version.
pub(super) fn with_documents() -> Catalog {
    Catalog {
        documents: vec![
            document("namespaces", 4, b"{\"registry\":{}}"),
            document("placement/m3db", 5, &[0, 0xff, b'\n']),
            document("\u{e4} b", 1, b""),
        ],
        ..with_limits()
    }
}

#[test]
fn documents_stand_behind_the_namespaces() {
    let mut bytes = b"tsdb-cat\x04\0\0\0".to_vec();
    let third = with_limits().encode();
    bytes.extend(&third[12..third.len() - 4]);
    put_u32(&mut bytes, 3); // documents
    put_u64(&mut bytes, 4); // version
    bytes.extend(b"\x0anamespaces\x0f{\"registry\":{}}");
    put_u64(&mut bytes, 5);
    bytes.extend(b"\x0eplacement/m3db\x03\0\xff\n");
    put_u64(&mut bytes, 1);
    bytes.extend(b"\x04\xc3\xa4 b\0");
    assert_eq!(sealed(bytes), with_documents().encode());
    // The same where nothing else needs a newer version.
    let plain = Catalog {
        documents: with_documents().documents,
        ..catalog()
    };
    assert_eq!(plain.encode()[8..12], [4, 0, 0, 0]);
    assert_eq!(Catalog::decode(path(), &plain.encode()).unwrap(), plain);
}

#[test]
fn what_needs_no_documents_is_written_without() {
    let none = Catalog {
        documents: Vec::new(),
        ..with_documents()
    };
    assert_eq!(none.encode(), CATALOG_3);
    // The fourth version says that there are some.
    let mut bytes = CATALOG_3[..CATALOG_3.len() - 4].to_vec();
    bytes[8] = 4;
    put_u32(&mut bytes, 0);
    let error = Catalog::decode(path(), &sealed(bytes)).unwrap_err();
    assert!(error.to_string().ends_with("and none of them"), "{error}");
    // The third does not know them.
    let mut bytes = CATALOG_4[..CATALOG_4.len() - 4].to_vec();
    bytes[8] = 3;
    let error = Catalog::decode(path(), &sealed(bytes)).unwrap_err();
    assert!(
        error.to_string().ends_with("behind the last field"),
        "{error}"
    );
}

#[test]
fn documents_must_make_sense() {
    type Change = fn(&mut Catalog);
    let of_a_version = "a document of a version that the catalog has not reached";
    let large = |bytes: usize| vec![7; bytes];
    let cases: [(Change, &str); 8] = [
        (
            |c| c.documents.swap(0, 1),
            "documents out of order or listed twice",
        ),
        (
            |c| c.documents[1].name = "namespaces".to_owned(),
            "documents out of order or listed twice",
        ),
        (|c| c.documents[1].version = 6, of_a_version),
        (|c| c.documents[1].version = 0, of_a_version),
        (
            |c| c.documents[0].name.clear(),
            "the name of a document must have 1 to 200 bytes",
        ),
        (
            |c| c.documents[0].name = "n".repeat(DOCUMENT_NAME_BYTES_MAX + 1),
            "the name of a document must have 1 to 200 bytes",
        ),
        (
            |c| c.documents[0].name = "a\u{85}".to_owned(),
            "the name of a document must have no control character",
        ),
        (
            |c| c.documents[0].bytes = vec![7; DOCUMENT_BYTES_MAX + 1].into(),
            "a document longer than 1 MiB",
        ),
    ];
    for (change, what) in cases {
        let vfs = fresh();
        let mut bad = with_documents();
        change(&mut bad);
        assert_eq!(refusal(bad.write(&vfs, path())), what);
        assert!(vfs.contents().is_empty());
        let error = Catalog::decode(path(), &bad.encode()).unwrap_err();
        assert!(error.to_string().ends_with(what), "{error}");
    }
    // Names of one byte and their contents fill all there is to the last byte.
    let mut full = catalog();
    let names = "abcdefgh".chars().map(String::from);
    full.documents = names
        .map(|name| document(&name, 1, &large(DOCUMENTS_BYTES_MAX / 8 - 1)))
        .collect();
    assert_eq!(Catalog::decode(path(), &full.encode()).unwrap(), full);
    full.documents[3].bytes = large(DOCUMENTS_BYTES_MAX / 8).into();
    let error = Catalog::decode(path(), &full.encode()).unwrap_err();
    let what = "documents that are longer than 8 MiB together";
    assert!(error.to_string().ends_with(what), "{error}");
}

/// A forged length costs no memory.
#[test]
fn lengths_are_not_believed() {
    for len in [u64::MAX, 1 << 40, 4] {
        let mut bytes = CATALOG[..CATALOG.len() - 4].to_vec();
        bytes[8] = 4;
        put_u32(&mut bytes, 1);
        put_u64(&mut bytes, 1);
        bytes.extend(b"\x01a");
        put_uvarint(&mut bytes, len);
        bytes.extend(b"abc");
        let error = Catalog::decode(path(), &sealed(bytes)).unwrap_err();
        assert!(error.to_string().ends_with("truncated"), "{error}");
    }
    let mut bytes = CATALOG[..CATALOG.len() - 4].to_vec();
    bytes[8] = 4;
    put_u32(&mut bytes, u32::MAX);
    let error = Catalog::decode(path(), &sealed(bytes)).unwrap_err();
    let what = "more entries than the file has bytes for";
    assert!(error.to_string().ends_with(what), "{error}");
}

#[test]
fn names_of_documents_are_any_printable_text() {
    let long = "a".repeat(DOCUMENT_NAME_BYTES_MAX);
    for good in ["a", "_kv/placement/m3db", "..", "\u{e4} b", &long] {
        assert_eq!(check_document_name(good), Ok(()), "{good:?}");
    }
    for bad in [
        "",
        "a\n",
        "\0",
        "\u{7f}",
        &"a".repeat(201),
        &"\u{e4}".repeat(101),
    ] {
        check_document_name(bad).unwrap_err();
    }
    let shown = format!("{:?}", document("a", 3, b"secret"));
    assert!(
        shown.contains("len: 6") && !shown.contains("115"),
        "{shown}"
    );
}
