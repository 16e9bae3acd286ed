use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

use super::*;
use crate::vfs::File;

type Reads = Arc<Mutex<Vec<(u64, usize)>>>;

/// Notes offset and length of every read.
#[derive(Debug)]
struct Counting {
    file: Box<dyn File>,
    reads: Reads,
}

impl File for Counting {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.reads.lock().push((offset, buf.len()));
        self.file.read_at(buf, offset)
    }
    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        self.file.write_at(buf, offset)
    }
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }
    fn allocate(&self, up_to: u64) -> io::Result<()> {
        self.file.allocate(up_to)
    }
    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }
}

fn open_counting(vfs: &MemVfs) -> (RunReader, Reads) {
    let path = Path::new(PATH);
    let reads = Reads::default();
    let file = vfs.open(path, OpenMode::Read).unwrap();
    let counting = Counting {
        file,
        reads: Arc::clone(&reads),
    };
    (RunReader::open(path, Box::new(counting)).unwrap(), reads)
}

fn taken(reads: &Reads) -> Vec<(u64, usize)> {
    std::mem::take(&mut *reads.lock())
}

#[test]
fn opening_takes_one_read_and_two_with_very_many_sections() {
    let vfs = MemVfs::new();
    let rows = |sections: i64| -> Rows {
        let windows = (0..sections).map(|at| window(at * 10, 10));
        windows
            .map(|w| (w, BTreeMap::from([(key(0, 1), row([w.start], 1.0))])))
            .collect()
    };
    write(&vfs, PATH, &rows(50), 1);
    let (_, reads) = open_counting(&vfs);
    assert_eq!(taken(&reads).len(), 1);
    vfs.remove(Path::new(PATH)).unwrap();
    write(&vfs, PATH, &rows(500), 1);
    let (reader, reads) = open_counting(&vfs);
    assert_eq!(taken(&reads).len(), 2);
    assert_eq!(scan(&reader).unwrap(), rows(500));
}

#[test]
fn look_ups_take_few_reads() {
    let vfs = MemVfs::new();
    let window = window(0, 7_200_000);
    let mut rows = Rows::new();
    for series in 0..5000 {
        let times = (0..20).map(|at| at * 15_000);
        rows.entry(window)
            .or_default()
            .insert(key(0, series), row(times, 0.1));
    }
    let meta = write(&vfs, PATH, &rows, 20);
    let (reader, reads) = open_counting(&vfs);
    taken(&reads);

    reader.chunks_of(0, key(0, 1234)).unwrap();
    assert_eq!(taken(&reads).len(), 2, "the page index and a page");
    let chunks = reader.chunks_of(0, key(0, 4321)).unwrap();
    assert_eq!(taken(&reads).len(), 1, "a page");
    reader.read_chunk(&chunks[0]).unwrap();
    assert_eq!(taken(&reads).len(), 1, "a chunk");

    let one = [key(0, 17)];
    look_up(&reader, &one, TimeRange::ALL).unwrap();
    assert_eq!(taken(&reads).len(), 2, "a page and a chunk");

    let near: Vec<RowKey> = (100..150).map(|series| key(0, series)).collect();
    look_up(&reader, &near, TimeRange::ALL).unwrap();
    assert!(
        taken(&reads).len() <= 3,
        "a page or two, and neighbouring chunks at once"
    );

    let all = reader.ids(TimeRange::ALL).unwrap();
    taken(&reads);
    assert_eq!(look_up(&reader, &all, TimeRange::ALL).unwrap(), rows);
    let steps = usize::try_from(meta.bytes / (256 << 10)).unwrap();
    let count = taken(&reads).len();
    assert!(
        count <= 2 * steps + 6,
        "{count} reads for {steps} steps of 256 KiB"
    );

    let early = TimeRange::inclusive(-5, -1).unwrap();
    look_up(&reader, &all, early).unwrap();
    assert_eq!(taken(&reads), [], "sections out of range are not touched");
}

#[test]
fn a_pass_reads_each_byte_once_and_little_at_a_time() {
    let vfs = MemVfs::new();
    let window = window(0, 7_200_000);
    let mut rows = Rows::new();
    for series in 0..3000 {
        let times = (0..100).map(|at| at * 15_000 + at * at % 7);
        rows.entry(window)
            .or_default()
            .insert(key(0, series), row(times, 0.1));
    }
    let meta = write(&vfs, PATH, &rows, 100);
    let (reader, reads) = open_counting(&vfs);
    taken(&reads);
    assert_eq!(scan(&reader).unwrap(), rows);
    let reads = taken(&reads);
    let bytes: usize = reads.iter().map(|read| read.1).sum();
    assert!(bytes as u64 <= meta.bytes, "{bytes} of {}", meta.bytes);
    let longest = reads.iter().map(|read| read.1).max().unwrap();
    assert!(longest < 300 << 10, "{longest}");
}
