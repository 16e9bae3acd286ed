use super::*;

fn small() -> Vec<Labels> {
    fleet(8)
        .chain((0..40).map(|i| labels(&[("id", &(i * 7919 % 97).to_string())])))
        .collect()
}

/// Everything that can be asked: an error, or what was written.
fn outcome(reader: &IndexReader, series: &[Labels]) {
    if let Ok(found) = all_labels(reader) {
        assert_eq!(found, series);
    }
    let matchers = [
        vec![Matcher::equal("le", "3"), Matcher::not_equal("job", "x")],
        vec![Matcher::regex("id", "1.*").unwrap()],
        vec![Matcher::not_regex("id", ".*3").unwrap()],
    ];
    for matchers in matchers {
        if let Ok(found) = reader.matches(&matchers) {
            assert_eq!(slots(&found), naive(series, &matchers));
        }
    }
    if let Ok((values, more)) = reader.label_values("id", None, 5) {
        assert_eq!((values.len(), more), (5, true));
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    let series = small();
    let bytes = written(&series);
    for bit in 0..bytes.len() * 8 {
        let mut bad = bytes.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        match open(&bad) {
            Err(error) => assert!(!matches!(error, IndexError::Io { .. }), "{error}"),
            Ok(reader) => {
                if bit % 8 == 0 {
                    outcome(&reader, &series);
                }
                reader.verify().expect_err("verifying notices every change");
            }
        }
    }
}

#[test]
fn every_cut_is_noticed_at_opening() {
    let bytes = written(&small());
    for len in 0..bytes.len() {
        assert!(open(&bytes[..len]).is_err(), "cut to {len}");
    }
}

#[test]
fn another_version_is_refused_by_number() {
    let mut bytes = written(&small());
    let start = bytes.len() - crate::index::INDEX_FOOTER_BYTES;
    let at = bytes.len() - 16;
    bytes[at] = 9;
    let crc = crate::bits::crc32c(&bytes[start..at + 4]);
    bytes[at + 4..at + 8].copy_from_slice(&crc.to_le_bytes());
    let error = open(&bytes).unwrap_err();
    assert!(
        matches!(error, IndexError::Version { version: 9 }),
        "{error}"
    );
}

/// Parts whose checksums are right and whose numbers are not.
#[test]
fn wrong_numbers_behind_right_checksums_never_panic() {
    let bytes = written(&small());
    let footer = open(&bytes).unwrap().footer;
    for tree in [footer.names, footer.terms, footer.rows] {
        assert_eq!(tree.height, 0, "each tree is one leaf");
        let span = tree.root.offset as usize..tree.root.offset as usize + tree.root.len as usize;
        for at in span.clone() {
            for value in [0, 1, 2, 0x7f, 0x80, 0xff, bytes[at].wrapping_add(1)] {
                let mut forged = bytes.clone();
                forged[at] = value;
                let crc = crate::bits::crc32c(&forged[span.clone()]);
                forged[span.end..span.end + 4].copy_from_slice(&crc.to_le_bytes());
                let reader = open(&forged).unwrap();
                // Whatever comes out, it comes without a panic.
                let _outcome = reader.verify();
                let _outcome = all_labels(&reader);
                let _outcome = reader.matches(&[Matcher::regex("id", "1.*").unwrap()]);
                let _outcome = reader.label_values("le", Some(&(0..9).collect()), 5);
            }
        }
    }
}
