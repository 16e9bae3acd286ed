use super::*;
use crate::vfs::{OsVfs, read_to_end, write_all_at};

const FRESH: &[u8] = include_bytes!("../../../tests/testdata/v1/fresh.block");
const DENSE: &[u8] = include_bytes!("../../../tests/testdata/v1/dense.block");

/// A small block with a bit of everything: shared and own columns, constant, repeated, equal and
/// distinct pages, two shards.
fn rows() -> Rows {
    let times: Vec<i64> = (0..700).map(|at| window().start + at * 10_000).collect();
    let mut rows = Rows::new();
    for series in [1, 2, 3, 7, (1 << 32) + 1, (1 << 32) + 3] {
        let value = |at: usize| match series {
            1 | 2 => 1.0,
            3 => (at * at % 97) as f64 / 10.0,
            7 => f64::from_bits(0x3ff0_0000_0000_0000 + (at as u64).wrapping_mul(0x9e37_79b9)),
            _ => (at / 600 * 3) as f64,
        };
        let lacking = |at: &usize| series != 2 || *at != 650;
        let samples = (0..700)
            .filter(lacking)
            .map(|at| (times[at], value(at).to_bits()));
        rows.insert(key(series), (labels(series), samples.collect()));
    }
    rows
}

fn golden() -> [(&'static str, &'static [u8], Sealing); 2] {
    [
        ("fresh.block", FRESH, Sealing::Fresh),
        ("dense.block", DENSE, dense(&rows())),
    ]
}

#[test]
fn the_format_has_not_changed() {
    for (name, bytes, sealing) in golden() {
        let vfs = MemVfs::new();
        write(&vfs, &rows(), window(), sealing);
        let file = vfs.open(Path::new(PATH), OpenMode::Read).unwrap();
        assert!(read_to_end(&*file).unwrap() == bytes, "{name}");
    }
}

#[test]
fn the_kept_blocks_are_read() {
    for (_, bytes, _) in golden() {
        let vfs = MemVfs::new();
        let file = vfs.create(Path::new(PATH)).unwrap();
        write_all_at(&*file, bytes, 0).unwrap();
        let reader = Arc::new(open(&vfs).unwrap());
        assert_eq!(scan(&reader, key(0)).unwrap(), rows());
        reader.verify().unwrap();
    }
}

/// Writes the golden files of a new version; refuses to touch those that are there.
#[test]
#[ignore = "run by hand once for each version of the format"]
fn write_golden_files() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/testdata/v1");
    let to = OsVfs::new(folder);
    to.create_dir(Path::new("")).unwrap();
    for (name, _, sealing) in golden() {
        let vfs = MemVfs::new();
        write(&vfs, &rows(), window(), sealing);
        let file = vfs.open(Path::new(PATH), OpenMode::Read).unwrap();
        let to = to.create(Path::new(name)).unwrap();
        write_all_at(&*to, &read_to_end(&*file).unwrap(), 0).unwrap();
    }
}
