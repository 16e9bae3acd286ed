use super::*;

const GOLDEN: &[u8] = include_bytes!("../../../../tests/testdata/v1/small.index");

/// Enough to have every form of row, list and page.
fn small() -> Vec<Labels> {
    let mut series: Vec<_> = fleet(40).collect();
    series.extend((0..1200u32).map(|i| {
        let spread = i.wrapping_mul(0x9e37_79b9);
        let name = if i % 3 == 0 { "extra" } else { "more" };
        let odd = if spread >> 20 & 1 == 0 { "y" } else { "n" };
        labels(&[
            ("__name__", "m"),
            ("id", &(spread >> 16).to_string()),
            (name, odd),
        ])
    }));
    series
}

#[test]
fn the_format_has_not_changed() {
    assert!(written(&small()) == GOLDEN);
}

#[test]
fn an_index_of_the_first_version_is_read() {
    let reader = open(GOLDEN).unwrap();
    reader.verify().unwrap();
    assert_eq!(all_labels(&reader).unwrap(), small());
}

/// Written down byte by byte as `docs/format/index.md` draws it, without the writer's code.
#[test]
fn layout_of_an_index_of_two_rows() {
    let sealed = |body: &[u8]| [body, &crate::bits::crc32c(body).to_le_bytes()].concat();
    let mut index = sealed(b"tsdb-idx\x01\0\0\0");
    assert_eq!(index.len(), 16);
    // Two terms: a=x in rows 0 and 1, b=y in row 1.
    let mut terms = vec![2];
    terms.extend(b"\x00\x05\0\0\0\0x"); // shares none, five bytes
    terms.extend([2 << 2, 1, 0]); // two bytes beside it: a run from 0, of 2 + 0
    terms.extend(b"\x03\x02\x01y"); // shares three, two bytes
    terms.extend([1 << 2 | 3]); // row 1 alone
    let terms_at = index.len() as u64;
    index.extend(sealed(&terms));
    let names = [
        &[2][..],
        b"\x00\x01a\x00\x01",
        &[2 << 2, 1, 0],
        b"\x00\x01b\x01\x01",
        &[1 << 2 | 3],
    ]
    .concat();
    let names_at = index.len() as u64;
    index.extend(sealed(&names));
    // Both rows whole: one label, term 0; two labels, terms 0 and 1.
    let rows = [2, 1 << 2, 0, 2 << 2, 0, 0];
    let rows_at = index.len() as u64;
    index.extend(sealed(&rows));
    let mut footer = Vec::new();
    for (items, at, len) in [
        (2u32, names_at, names.len()),
        (2, terms_at, terms.len()),
        (2, rows_at, rows.len()),
    ] {
        footer.extend(items.to_le_bytes());
        footer.extend(at.to_le_bytes());
        footer.extend((len as u32).to_le_bytes());
        footer.push(0);
    }
    footer.extend((index.len() as u64 + 75).to_le_bytes());
    footer.extend(1u32.to_le_bytes());
    index.extend(sealed(&footer));
    index.extend(b"idx-tail");
    let series = [labels(&[("a", "x")]), labels(&[("a", "x"), ("b", "y")])];
    assert_eq!(written(&series), index);
}

/// Writes the golden file of a new version; refuses to touch one that is there.
#[test]
#[ignore = "run by hand once for each version of the format"]
fn write_golden_file() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/testdata/v1");
    let vfs = crate::vfs::OsVfs::new(folder);
    let file = vfs.create(Path::new("small.index")).unwrap();
    write_all_at(&*file, &written(&small()), 0).unwrap();
}
