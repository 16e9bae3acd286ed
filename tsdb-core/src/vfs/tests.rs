//! What every file system must do, asked of each of them.

use std::io::{self, ErrorKind};
use std::path::Path;

use super::{
    FaultVfs, File, MemVfs, OpenMode, OsVfs, Vfs, read_exact_at, read_to_end, write_all_at,
};

fn p(path: &str) -> &Path {
    Path::new(path)
}

fn kind<T>(result: io::Result<T>) -> ErrorKind {
    match result {
        Ok(_) => panic!("expected an error"),
        Err(error) => error.kind(),
    }
}

fn on_every_file_system(check: impl Fn(&dyn Vfs)) {
    let folder = tempfile::tempdir().unwrap();
    let os = OsVfs::new(folder.path().join("not").join("yet"));
    os.create_dir(p("")).unwrap();
    check(&os);
    let memory = MemVfs::new();
    memory.create_dir(p("")).unwrap();
    check(&memory);
    let fault = FaultVfs::new(0);
    fault.create_dir(p("")).unwrap();
    check(&fault);
}

fn put(vfs: &dyn Vfs, path: &str, content: &[u8]) {
    let file = vfs.create(p(path)).unwrap();
    write_all_at(&*file, content, 0).unwrap();
    file.sync().unwrap();
}

fn get(vfs: &dyn Vfs, path: &str) -> Vec<u8> {
    read_to_end(&*vfs.open(p(path), OpenMode::Read).unwrap()).unwrap()
}

#[test]
fn bytes_come_back_where_they_were_put() {
    on_every_file_system(|vfs| {
        let file = vfs.create(p("a")).unwrap();
        assert!(file.is_empty().unwrap());
        write_all_at(&*file, b"hello", 3).unwrap();
        write_all_at(&*file, b"J", 3).unwrap();
        assert_eq!(file.len().unwrap(), 8);
        assert_eq!(get(vfs, "a"), b"\0\0\0Jello");
        let mut buf = [9; 4];
        assert_eq!(file.read_at(&mut buf, 6).unwrap(), 2);
        assert_eq!(&buf, b"lo\x09\x09");
        assert_eq!(file.read_at(&mut buf, 8).unwrap(), 0);
        assert_eq!(file.read_at(&mut buf, i64::MAX as u64 - 10).unwrap(), 0);
        assert_eq!(
            kind(read_exact_at(&*file, &mut buf, 5)),
            ErrorKind::UnexpectedEof
        );
        read_exact_at(&*file, &mut buf, 4).unwrap();
        assert_eq!(&buf, b"ello");
        file.set_len(4).unwrap();
        file.set_len(6).unwrap();
        assert_eq!(get(vfs, "a"), b"\0\0\0J\0\0");
    });
}

#[test]
fn allocation_keeps_the_length() {
    on_every_file_system(|vfs| {
        let file = vfs.create(p("a")).unwrap();
        write_all_at(&*file, b"abc", 0).unwrap();
        file.allocate(1 << 16).unwrap();
        file.allocate(0).unwrap();
        assert_eq!(file.len().unwrap(), 3);
        assert_eq!(get(vfs, "a"), b"abc");
    });
}

#[test]
#[cfg(target_os = "linux")]
fn allocation_takes_space_from_the_disk() {
    use rustix::fs::{FallocateFlags, fallocate};
    use std::os::unix::fs::MetadataExt;
    let folder = tempfile::tempdir().unwrap();
    let file = OsVfs::new(folder.path()).create(p("a")).unwrap();
    file.allocate(1 << 20).unwrap();
    let metadata = std::fs::metadata(folder.path().join("a")).unwrap();
    let probe = tempfile::tempfile_in(folder.path()).unwrap();
    let supported = fallocate(&probe, FallocateFlags::KEEP_SIZE, 0, 1 << 20).is_ok();
    assert_eq!(metadata.len(), 0);
    assert_eq!(
        metadata.blocks() * 512 >= 1 << 20,
        supported,
        "{metadata:?}"
    );
}

#[test]
fn create_refuses_a_taken_name_and_open_a_missing_one() {
    on_every_file_system(|vfs| {
        put(vfs, "a", b"1");
        vfs.create_dir(p("d")).unwrap();
        assert_eq!(kind(vfs.create(p("a"))), ErrorKind::AlreadyExists);
        assert_eq!(kind(vfs.create(p("d"))), ErrorKind::AlreadyExists);
        assert_eq!(kind(vfs.create(p("no/a"))), ErrorKind::NotFound);
        assert_eq!(kind(vfs.create(p("a/b"))), ErrorKind::NotADirectory);
        assert_eq!(kind(vfs.open(p("b"), OpenMode::Read)), ErrorKind::NotFound);
        assert_eq!(
            kind(vfs.open(p("b"), OpenMode::ReadWrite)),
            ErrorKind::NotFound
        );
        assert_eq!(
            kind(vfs.open(p("d"), OpenMode::Read)),
            ErrorKind::IsADirectory
        );
        assert_eq!(get(vfs, "a"), b"1");
    });
}

#[test]
fn a_handle_for_reading_does_not_write() {
    on_every_file_system(|vfs| {
        put(vfs, "a", b"1");
        let file = vfs.open(p("a"), OpenMode::Read).unwrap();
        assert!(file.write_at(b"2", 0).is_err());
        assert!(file.set_len(0).is_err());
        assert_eq!(get(vfs, "a"), b"1");
        let file = vfs.open(p("a"), OpenMode::ReadWrite).unwrap();
        write_all_at(&*file, b"2", 0).unwrap();
        assert_eq!(get(vfs, "a"), b"2");
    });
}

#[test]
fn rename_replaces_and_open_handles_stay() {
    on_every_file_system(|vfs| {
        put(vfs, "old", b"old");
        put(vfs, "new", b"new");
        let old = vfs.open(p("old"), OpenMode::Read).unwrap();
        vfs.rename(p("new"), p("old")).unwrap();
        assert_eq!(get(vfs, "old"), b"new");
        assert_eq!(read_to_end(&*old).unwrap(), b"old");
        assert_eq!(
            kind(vfs.open(p("new"), OpenMode::Read)),
            ErrorKind::NotFound
        );
        assert_eq!(kind(vfs.rename(p("new"), p("x"))), ErrorKind::NotFound);
        assert_eq!(kind(vfs.rename(p("old"), p("no/x"))), ErrorKind::NotFound);
        vfs.rename(p("old"), p("old")).unwrap();
        vfs.create_dir(p("d")).unwrap();
        vfs.rename(p("old"), p("d/moved")).unwrap();
        assert_eq!(get(vfs, "d/moved"), b"new");
        vfs.rename(p("d"), p("e")).unwrap();
        assert_eq!(get(vfs, "e/moved"), b"new");
        assert_eq!(vfs.list(p("")).unwrap(), ["e"]);
        put(vfs, "f", b"f");
        assert_eq!(kind(vfs.rename(p("f"), p("e"))), ErrorKind::IsADirectory);
        assert_eq!(kind(vfs.rename(p("e"), p("e/in"))), ErrorKind::InvalidInput);
    });
}

#[test]
fn remove_takes_one_name_of_a_linked_file() {
    on_every_file_system(|vfs| {
        put(vfs, "a", b"1");
        put(vfs, "c", b"3");
        vfs.link(p("a"), p("b")).unwrap();
        assert_eq!(kind(vfs.link(p("a"), p("c"))), ErrorKind::AlreadyExists);
        assert_eq!(kind(vfs.link(p("no"), p("d"))), ErrorKind::NotFound);
        let open = vfs.open(p("a"), OpenMode::ReadWrite).unwrap();
        vfs.remove(p("a")).unwrap();
        write_all_at(&*open, b"2", 0).unwrap();
        assert_eq!(get(vfs, "b"), b"2");
        vfs.remove(p("b")).unwrap();
        assert_eq!(read_to_end(&*open).unwrap(), b"2");
        assert_eq!(kind(vfs.remove(p("b"))), ErrorKind::NotFound);
        vfs.create_dir(p("d")).unwrap();
        assert_eq!(kind(vfs.remove(p("d"))), ErrorKind::IsADirectory);
    });
}

#[test]
fn folders_list_their_own_names_in_order() {
    on_every_file_system(|vfs| {
        vfs.create_dir(p("d")).unwrap();
        vfs.create_dir(p("d")).unwrap();
        vfs.create_dir(p("d/inner")).unwrap();
        put(vfs, "d/z", b"");
        put(vfs, "d/inner/a", b"");
        put(vfs, "d/b", b"");
        put(vfs, "d-", b"");
        put(vfs, "d0", b"");
        assert_eq!(vfs.list(p("d")).unwrap(), ["b", "inner", "z"]);
        assert_eq!(vfs.list(p("./d/inner")).unwrap(), ["a"]);
        assert_eq!(vfs.list(p("")).unwrap(), ["d", "d-", "d0"]);
        assert_eq!(kind(vfs.list(p("no"))), ErrorKind::NotFound);
        assert_eq!(kind(vfs.list(p("d0"))), ErrorKind::NotADirectory);
        vfs.sync_dir(p("")).unwrap();
        vfs.sync_dir(p("d/inner")).unwrap();
        assert_eq!(kind(vfs.sync_dir(p("no"))), ErrorKind::NotFound);
        assert_eq!(kind(vfs.sync_dir(p("d0"))), ErrorKind::NotADirectory);
        assert_eq!(kind(vfs.create_dir(p("d0"))), ErrorKind::AlreadyExists);
        assert_eq!(kind(vfs.create_dir(p("no/x"))), ErrorKind::NotFound);
    });
}

#[test]
fn a_lock_is_exclusive_until_dropped() {
    on_every_file_system(|vfs| {
        put(vfs, "LOCK", &[b'9'; 100]);
        let lock = vfs.lock(p("LOCK")).unwrap();
        assert!(
            get(vfs, "LOCK").len() < 20,
            "an old holder's id shows through"
        );
        assert_eq!(kind(vfs.lock(p("LOCK"))), ErrorKind::WouldBlock);
        assert!(get(vfs, "LOCK").ends_with(b"\n"));
        drop(lock);
        let _again = vfs.lock(p("LOCK")).unwrap();
        let _other = vfs.lock(p("OTHER")).unwrap();
    });
}

#[test]
fn a_lock_names_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let vfs = OsVfs::new(folder.path());
    let _lock = vfs.lock(p("LOCK")).unwrap();
    let id = std::process::id().to_string();
    assert_eq!(get(&vfs, "LOCK"), format!("{id}\n").as_bytes());
    let message = vfs.lock(p("LOCK")).unwrap_err().to_string();
    assert!(message.contains(&id), "{message}");
}

#[test]
fn paths_cannot_leave_the_root() {
    on_every_file_system(|vfs| {
        for path in ["/etc/passwd", "../a", "d/../../a", "d/.."] {
            let path = p(path);
            assert_eq!(kind(vfs.create(path)), ErrorKind::InvalidInput, "{path:?}");
            assert_eq!(
                kind(vfs.open(path, OpenMode::Read)),
                ErrorKind::InvalidInput
            );
            assert_eq!(kind(vfs.rename(path, p("x"))), ErrorKind::InvalidInput);
            assert_eq!(kind(vfs.remove(path)), ErrorKind::InvalidInput);
            assert_eq!(kind(vfs.link(path, p("x"))), ErrorKind::InvalidInput);
            assert_eq!(kind(vfs.create_dir(path)), ErrorKind::InvalidInput);
            assert_eq!(kind(vfs.list(path)), ErrorKind::InvalidInput);
            assert_eq!(kind(vfs.sync_dir(path)), ErrorKind::InvalidInput);
            assert_eq!(kind(vfs.lock(path)), ErrorKind::InvalidInput);
        }
        for root in ["", "."] {
            assert_eq!(kind(vfs.create(p(root))), ErrorKind::InvalidInput);
            assert_eq!(kind(vfs.remove(p(root))), ErrorKind::InvalidInput);
            assert_eq!(
                kind(vfs.open(p(root), OpenMode::Read)),
                ErrorKind::InvalidInput
            );
        }
    });
}

#[test]
fn free_space_is_part_of_the_whole() {
    on_every_file_system(|vfs| {
        let (free, total) = vfs.free_bytes().unwrap();
        assert!(free <= total && total > 0, "{free} of {total}");
    });
}

/// Moves at most three bytes a call and is interrupted before each.
#[derive(Debug)]
struct Dribble {
    inner: Box<dyn File>,
    interrupt: std::sync::atomic::AtomicBool,
}

impl Dribble {
    fn interrupted(&self) -> bool {
        !self
            .interrupt
            .fetch_xor(true, std::sync::atomic::Ordering::Relaxed)
    }
}

impl File for Dribble {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        if self.interrupted() {
            return Err(ErrorKind::Interrupted.into());
        }
        let count = buf.len().min(3);
        self.inner.read_at(&mut buf[..count], offset)
    }
    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        if self.interrupted() {
            return Err(ErrorKind::Interrupted.into());
        }
        self.inner.write_at(&buf[..buf.len().min(3)], offset)
    }
    fn len(&self) -> io::Result<u64> {
        Ok(4) // A length that lies: the end is what reading finds.
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.inner.set_len(len)
    }
    fn allocate(&self, up_to: u64) -> io::Result<()> {
        self.inner.allocate(up_to)
    }
    fn sync(&self) -> io::Result<()> {
        self.inner.sync()
    }
}

#[test]
fn transfers_complete_over_short_and_interrupted_calls() {
    let inner = MemVfs::new().create(p("a")).unwrap();
    let file = Dribble {
        inner,
        interrupt: false.into(),
    };
    write_all_at(&file, b"0123456789", 2).unwrap();
    let mut buf = [0; 8];
    read_exact_at(&file, &mut buf, 3).unwrap();
    assert_eq!(&buf, b"12345678");
    assert_eq!(
        kind(read_exact_at(&file, &mut buf, 5)),
        ErrorKind::UnexpectedEof
    );
    assert_eq!(read_to_end(&file).unwrap(), b"\0\x000123456789");
    assert_eq!(
        kind(write_all_at(&file, b"ab", u64::MAX)),
        ErrorKind::FileTooLarge
    );
}

#[test]
fn a_file_longer_than_a_read_step_is_read_whole() {
    let vfs = MemVfs::new();
    let content: Vec<u8> = (0..(1u32 << 21) + 7).map(|i| (i % 251) as u8).collect();
    put(&vfs, "a", &content);
    assert!(get(&vfs, "a") == content);
}
