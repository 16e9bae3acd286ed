use super::*;
use crate::bits::{crc32c, put_i64, put_ivarint, put_u16, put_u32, put_u64, put_uvarint};
use crate::vfs::read_to_end;

const GOLDEN: &[u8] = include_bytes!("../../../tests/testdata/v1/small.run");

fn written() -> Vec<u8> {
    let vfs = MemVfs::new();
    write(&vfs, PATH, &small_rows(), 3);
    read_to_end(&*vfs.open(Path::new(PATH), OpenMode::Read).unwrap()).unwrap()
}

#[test]
fn the_format_has_not_changed() {
    assert_eq!(written(), GOLDEN);
}

#[test]
fn a_run_of_the_first_version_is_read() {
    let vfs = MemVfs::new();
    let file = vfs.create(Path::new(PATH)).unwrap();
    crate::vfs::write_all_at(&*file, GOLDEN, 0).unwrap();
    let reader = open(&vfs, PATH).unwrap();
    assert_eq!(scan(&reader).unwrap(), small_rows());
    reader.verify().unwrap();
}

fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let crc = crc32c(&bytes);
    put_u32(&mut bytes, crc);
    bytes
}

fn put_identity(out: &mut Vec<u8>) {
    put_u32(out, 3); // namespace
    put_u64(out, 17); // run
    put_u64(out, 4); // first generation
    put_u64(out, 6); // last generation
}

fn page(chunk_len: usize) -> Vec<u8> {
    let mut page = Vec::new();
    put_u64(&mut page, 44); // the first chunk
    put_u32(&mut page, 7); // shard
    put_u64(&mut page, 300); // first series
    put_u16(&mut page, 1); // entries
    put_uvarint(&mut page, 0); // series step
    page.push(1); // XOR
    put_uvarint(&mut page, 10); // 1010 - 1000
    put_uvarint(&mut page, 10); // 1020 - 1010
    put_uvarint(&mut page, 2); // samples
    put_uvarint(&mut page, chunk_len as u64);
    put_ivarint(&mut page, 7); // epoch
    sealed(page)
}

fn page_index(page_offset: u64, page_len: usize) -> Vec<u8> {
    let mut index = Vec::new();
    for _ in ["first row", "last row"] {
        put_u32(&mut index, 7);
        put_u64(&mut index, 300);
    }
    put_i64(&mut index, 1010);
    put_i64(&mut index, 1020);
    put_u64(&mut index, page_offset);
    put_u32(&mut index, page_len as u32);
    sealed(index)
}

fn footer(index_offset: u64, index_len: usize) -> Vec<u8> {
    let mut footer = Vec::new();
    put_identity(&mut footer);
    put_u32(&mut footer, 1); // sections
    put_i64(&mut footer, 1000);
    put_i64(&mut footer, 1499);
    put_i64(&mut footer, 1010);
    put_i64(&mut footer, 1020);
    put_u64(&mut footer, 300); // smallest series
    put_u64(&mut footer, 300); // largest series
    put_u64(&mut footer, 1); // series
    put_u64(&mut footer, 1); // chunks
    put_u64(&mut footer, 2); // samples
    put_u64(&mut footer, 44);
    put_u64(&mut footer, index_offset);
    put_u32(&mut footer, index_len as u32);
    sealed(footer)
}

/// Written down field by field as `docs/format/run.md` draws it, without the writer's code.
#[test]
fn layout_of_a_run_of_one_chunk() {
    let vfs = MemVfs::new();
    let window = window(1000, 500);
    let rows = Rows::from([(
        window,
        BTreeMap::from([(key(7, 300), row([1010, 1020], 1.0))]),
    )]);
    write(&vfs, PATH, &rows, 3);
    let (_, chunk) = chunk_of(&[(1010, 1f64.to_bits()), (1020, 2f64.to_bits())], 7);

    let mut header = b"tsdb-run\x01\0\0\0".to_vec();
    put_identity(&mut header);
    let mut file = sealed(header);
    assert_eq!(file.len(), 44);
    let chunk_len = chunk.len();
    file.extend(sealed(chunk));
    let (page_offset, page) = (file.len() as u64, page(chunk_len));
    file.extend(&page);
    let (index_offset, index) = (file.len() as u64, page_index(page_offset, page.len()));
    file.extend(&index);
    let (footer_offset, footer) = (file.len() as u64, footer(index_offset, index.len()));
    file.extend(&footer);
    let mut trailer = Vec::new();
    put_u64(&mut trailer, footer_offset);
    put_u32(&mut trailer, footer.len() as u32);
    put_u32(&mut trailer, 1); // version
    file.extend(sealed(trailer));
    file.extend(b"run-tail");

    let found = read_to_end(&*vfs.open(Path::new(PATH), OpenMode::Read).unwrap()).unwrap();
    assert_eq!(found, file);
}

/// Writes the golden file of a new version; refuses to touch one that is there.
#[test]
#[ignore = "run by hand once for each version of the format"]
fn write_golden_file() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/testdata/v1");
    let vfs = crate::vfs::OsVfs::new(folder);
    let file = vfs.create(Path::new("small.run")).unwrap();
    crate::vfs::write_all_at(&*file, &written(), 0).unwrap();
}
