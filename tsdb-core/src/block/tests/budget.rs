use super::*;
use crate::vfs::{FaultVfs, OperationKind, read_to_end, write_all_at};

fn on_counting_disk(rows: &Rows, window: Window) -> FaultVfs {
    let vfs = MemVfs::new();
    write(&vfs, rows, window, dense(rows));
    let bytes = read_to_end(&*vfs.open(Path::new(PATH), OpenMode::Read).unwrap()).unwrap();
    let counting = FaultVfs::new(1);
    let file = counting.create(Path::new(PATH)).unwrap();
    write_all_at(&*file, &bytes, 0).unwrap();
    counting
}

/// Opening is one read of 240 bytes, whatever the size; a row of one page is, once the index of
/// groups was read, a directory, its times and its values: three reads of a few pieces.
#[test]
fn opening_and_one_row_are_few_reads() {
    let rows = some_rows(1, 3_000, window(), 480);
    let vfs = on_counting_disk(&rows, window());
    let counted = |act: &mut dyn FnMut()| {
        let before = vfs.counters();
        act();
        let asked = vfs.counters().since(&before);
        (asked.of(OperationKind::Read), asked.bytes_read())
    };
    let mut reader = None;
    let path = Path::new(PATH);
    let (reads, bytes) = counted(&mut || {
        reader = Some(BlockReader::open(path, vfs.open(path, OpenMode::Read).unwrap()).unwrap());
    });
    assert_eq!(reads, 1);
    assert!(bytes < 256, "{bytes}");
    let reader = reader.unwrap();
    let read_one = |row: u32| {
        let read = reader.read_rows(&[row], TimeRange::ALL, |_, _, _| ControlFlow::Continue(()));
        read.unwrap();
    };
    // The index of groups and the tables come once.
    let (reads, _) = counted(&mut || read_one(0));
    assert!(reads <= 5, "{reads}");
    for row in [500, 1500, 2500] {
        let (reads, bytes) = counted(&mut || read_one(row));
        assert!(reads <= 3, "{reads}");
        assert!(bytes <= (40 << 10) + 3 * 4096, "{bytes}");
    }
    let before = TimeRange::inclusive(0, START - 3 * HOUR_MS).unwrap();
    let (reads, _) = counted(&mut || {
        let none = reader.read_rows(&[7], before, |_, _, _| panic!("nothing is there"));
        none.unwrap();
    });
    assert_eq!(reads, 0);
}

/// Of a long row only the pages in the range are read.
#[test]
fn a_range_of_a_long_row_is_some_pages_of_it() {
    let month = Window::of(START, 512 * HOUR_MS);
    let rows = some_rows(9, 20, month, 60_000);
    let vfs = on_counting_disk(&rows, month);
    let path = Path::new(PATH);
    let reader = BlockReader::open(path, vfs.open(path, OpenMode::Read).unwrap()).unwrap();
    let row = rows.values().position(|row| row.1.len() > 20_000).unwrap() as u32;
    reader.find(key(0)).unwrap();
    reader.tables().unwrap();
    let before = vfs.counters();
    let range = TimeRange::inclusive(month.start, month.start + 2 * HOUR_MS).unwrap();
    let mut found = 0;
    let read = reader.read_rows(&[row], range, |_, timestamps, _| {
        found = timestamps.len();
        ControlFlow::Continue(())
    });
    read.unwrap();
    let asked = vfs.counters().since(&before);
    assert!(found > 0 && found <= 3 * PAGE_SAMPLES_MAX, "{found}");
    assert!(asked.of(OperationKind::Read) <= 3);
    assert!(
        asked.bytes_read() <= (96 << 10) + 5 * 4096,
        "{}",
        asked.bytes_read()
    );
}
