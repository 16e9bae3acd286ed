//! Faults on demand, space, hooks and counters.

use super::*;

fn fail_syncs_once(disk: &FaultVfs) {
    let failed = AtomicU64::new(0);
    disk.on_operation(move |_, operation| {
        if operation.kind == OperationKind::Sync && failed.fetch_add(1, Ordering::SeqCst) == 0 {
            return Verdict::Fail(Fault::DISK);
        }
        Verdict::Proceed
    });
}

#[test]
fn a_sync_after_a_failed_one_lies() {
    let mut lost = 0;
    for seed in 0..100 {
        let disk = FaultVfs::new(seed);
        let file = put(&disk, "a", &[b'o'; 10]);
        write(&*file, b"new", 2);
        write(&*file, b"end", 10);
        fail_syncs_once(&disk);
        let error = file.sync().unwrap_err();
        assert_eq!(error.raw_os_error(), Some(5));
        let shown = b"oonewoooooend";
        assert_eq!(disk.content("a").unwrap(), shown);
        file.sync().unwrap();
        assert!(disk.unsynced().is_empty());
        assert_eq!(disk.content("a").unwrap(), shown);
        assert_eq!(
            disk.kill().content("a").unwrap(),
            shown,
            "the cache outlives the process"
        );
        let safe = disk.power_cut(seed).content("a").unwrap();
        assert_eq!(disk.kill().power_cut(seed).content("a").unwrap(), safe);
        lost += u32::from(safe != shown);
        // Written anew, it is safe.
        write(&*file, shown, 0);
        file.sync().unwrap();
        assert_eq!(disk.power_cut(seed).content("a").unwrap(), shown);
    }
    assert!((50..100).contains(&lost), "lost {lost} of 100");
}

#[test]
fn a_failed_sync_does_not_lose_a_length() {
    for seed in 0..20 {
        let disk = FaultVfs::new(seed);
        let file = put(&disk, "a", b"0123456789");
        file.set_len(4).unwrap();
        fail_syncs_once(&disk);
        file.sync().unwrap_err();
        assert_eq!(
            disk.image(Outage::BarePowerCut).content("a").unwrap(),
            b"0123"
        );
    }
}

#[test]
fn a_failed_operation_changes_nothing() {
    let disk = FaultVfs::new(1);
    let file = put(&disk, "a", b"1");
    disk.create_dir(p("d")).unwrap();
    let before = disk.contents();
    disk.on_operation(|_, _| Verdict::Fail(Fault::NO_SPACE));
    assert_eq!(kind(file.write_at(b"2", 0)), ErrorKind::StorageFull);
    assert!(file.set_len(0).is_err() && file.allocate(10).is_err() && file.len().is_err());
    assert!(disk.create(p("b")).is_err() && disk.remove(p("a")).is_err());
    assert!(disk.rename(p("a"), p("c")).is_err() && disk.link(p("a"), p("c")).is_err());
    assert!(disk.sync_dir(p("")).is_err() && disk.list(p("")).is_err());
    assert!(disk.lock(p("LOCK")).is_err() && disk.free_bytes().is_err());
    assert_eq!(disk.contents(), before);
    disk.on_operation(|_, _| Verdict::Fail(Fault::Kind(ErrorKind::Interrupted)));
    assert_eq!(kind(file.read_at(&mut [0], 0)), ErrorKind::Interrupted);
    disk.clear_hook();
    assert_eq!(read_to_end(&*file).unwrap(), b"1");
}

#[test]
fn reads_and_writes_are_cut_short_where_told() {
    let disk = FaultVfs::new(1);
    let file = put(&disk, "a", b"0123456789");
    disk.on_operation(|_, operation| match operation.kind {
        OperationKind::Read => Verdict::ShortRead(2),
        OperationKind::Write => Verdict::ShortWrite(3),
        _ => Verdict::Proceed,
    });
    assert_eq!(file.read_at(&mut [0; 5], 1).unwrap(), 2);
    assert_eq!(file.write_at(b"abcdef", 0).unwrap(), 3);
    assert_eq!(disk.content("a").unwrap(), b"abc3456789");
    assert_eq!(read_to_end(&*file).unwrap(), b"abc3456789");
    disk.on_operation(|_, _| Verdict::ShortWrite(0));
    assert_eq!(kind(write_all_at(&*file, b"x", 0)), ErrorKind::WriteZero);
    assert_eq!(
        kind(file.sync()),
        ErrorKind::InvalidInput,
        "a hook's mistake is told"
    );
}

#[test]
fn nothing_happens_after_a_crash() {
    let disk = FaultVfs::new(1);
    let file = put(&disk, "a", b"1");
    let done = disk.counters().operations();
    disk.crash_at_operation(done + 2);
    write(&*file, b"2", 0);
    let error = file.write_at(b"3", 0).unwrap_err();
    assert!(SimulatedCrash::caused(&error) && disk.has_crashed());
    let errors = [
        file.sync().unwrap_err(),
        file.len().unwrap_err(),
        file.read_at(&mut [0], 0).unwrap_err(),
        disk.create(p("b")).unwrap_err(),
        disk.open(p("a"), OpenMode::Read).unwrap_err(),
        disk.sync_dir(p("")).unwrap_err(),
        io::Error::other(file.sync().unwrap_err()),
    ];
    assert!(errors.iter().all(|error| SimulatedCrash::caused(error)));
    assert!(!SimulatedCrash::caused(&io::Error::from(ErrorKind::Other)));
    drop(file);
    assert_eq!(
        disk.counters().operations(),
        done + 2,
        "a dead disk counts no more"
    );
    assert_eq!(disk.kill().content("a").unwrap(), b"2");
    assert_eq!(disk.image(Outage::BarePowerCut).content("a").unwrap(), b"1");
}

#[test]
fn a_crash_comes_at_the_sync_it_was_set_for() {
    for at in 1..=4 {
        let disk = FaultVfs::new(1);
        disk.crash_at_sync(at);
        let run = || -> io::Result<()> {
            for path in ["a", "b"] {
                let file = disk.create(p(path))?;
                write_all_at(&*file, b"1", 0)?;
                file.sync()?;
                disk.sync_dir(p(""))?;
            }
            Ok(())
        };
        assert!(SimulatedCrash::caused(&run().unwrap_err()));
        assert_eq!(disk.counters().syncs(), at);
        let safe: Vec<_> = disk
            .image(Outage::BarePowerCut)
            .contents()
            .into_keys()
            .collect();
        assert_eq!(
            safe,
            if at > 2 { vec!["a"] } else { vec![] },
            "crash at sync {at}"
        );
    }
}

#[test]
fn the_hook_sees_every_operation_and_may_use_the_disk() {
    let disk = FaultVfs::new(1);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    disk.on_operation(move |disk, op| {
        let safe = disk.image(Outage::BarePowerCut).contents().len();
        let names = disk.list(p("")).unwrap().len();
        let place = (op.path.to_str().unwrap().to_owned(), op.offset, op.length);
        log.lock()
            .unwrap()
            .push((op.kind, op.sync_number, place, names, safe));
        Verdict::Proceed
    });
    let file = disk.create(p("a")).unwrap();
    file.write_at(b"abc", 7).unwrap();
    file.sync().unwrap();
    disk.sync_dir(p("")).unwrap();
    disk.rename(p("a"), p("b")).unwrap();
    let place = |path: &str, offset, length| (path.to_owned(), offset, length);
    use OperationKind::{Create, Rename, Sync, SyncDir, Write};
    assert_eq!(
        *seen.lock().unwrap(),
        [
            (Create, 0, place("a", 0, 0), 0, 0),
            (Write, 0, place("a", 7, 3), 1, 0),
            (Sync, 1, place("a", 0, 0), 1, 0),
            (SyncDir, 2, place("", 0, 0), 1, 0),
            (Rename, 0, place("a", 0, 0), 1, 1),
        ]
    );
    assert_eq!(
        disk.counters().of(OperationKind::List),
        5,
        "operations of a hook count"
    );
}

#[test]
fn a_hook_on_one_thread_does_not_hold_up_another() {
    let disk = FaultVfs::new(1);
    let (first, second) = (disk.create(p("a")).unwrap(), disk.create(p("b")).unwrap());
    let (inside, is_inside) = std::sync::mpsc::channel();
    let (done, is_done) = std::sync::mpsc::channel();
    let is_done = Mutex::new(is_done);
    let calls = Arc::new(AtomicU64::new(0));
    let shown = Arc::clone(&calls);
    disk.on_operation(move |_, operation| {
        shown.fetch_add(1, Ordering::SeqCst);
        if operation.path == p("a") {
            inside.send(()).unwrap();
            is_done.lock().unwrap().recv().unwrap();
        }
        Verdict::Proceed
    });
    std::thread::scope(|scope| {
        scope.spawn(|| first.sync().unwrap());
        is_inside.recv().unwrap();
        second.sync().unwrap();
        done.send(()).unwrap();
    });
    assert_eq!(
        calls.load(Ordering::SeqCst),
        2,
        "each thread's operation is shown"
    );
}

#[test]
fn counters_tell_what_a_piece_of_work_costs() {
    let disk = FaultVfs::new(1);
    put(&disk, "a", b"0123456789");
    let before = disk.counters();
    let file = disk.open(p("a"), OpenMode::Read).unwrap();
    file.read_at(&mut [0; 4], 0).unwrap();
    file.read_at(&mut [0; 100], 4).unwrap();
    let cost = disk.counters().since(&before);
    assert_eq!(cost.of(OperationKind::Open), 1);
    assert_eq!((cost.of(OperationKind::Read), cost.bytes_read()), (2, 10));
    assert_eq!(
        (cost.operations(), cost.syncs(), cost.bytes_written()),
        (3, 0, 0)
    );
    assert_eq!((before.syncs(), before.bytes_written()), (2, 10));
}

#[test]
fn a_full_disk_refuses_and_a_reservation_holds() {
    let disk = FaultVfs::new(1);
    disk.set_capacity(Some(10 * PAGE));
    let reserved = disk.create(p("reserved")).unwrap();
    reserved.allocate(4 * PAGE).unwrap();
    assert_eq!(disk.free_bytes().unwrap(), (6 * PAGE, 10 * PAGE));
    let filler = disk.create(p("filler")).unwrap();
    let bytes = vec![1; 8 * PAGE_BYTES];
    assert_eq!(
        filler.write_at(&bytes, 1).unwrap(),
        6 * PAGE_BYTES - 1,
        "as much as fits"
    );
    assert_eq!(
        kind(filler.write_at(b"x", 6 * PAGE)),
        ErrorKind::StorageFull
    );
    assert_eq!(kind(filler.allocate(7 * PAGE)), ErrorKind::StorageFull);
    assert_eq!(disk.free_bytes().unwrap(), (0, 10 * PAGE));
    filler.write_at(b"y", 3 * PAGE).unwrap();
    write(&*reserved, &bytes[..4 * PAGE_BYTES], 0);
    assert_eq!(
        kind(reserved.write_at(b"x", 4 * PAGE)),
        ErrorKind::StorageFull
    );
    filler.set_len(PAGE).unwrap();
    assert_eq!(disk.free_bytes().unwrap().0, 5 * PAGE);
    reserved.write_at(b"x", 4 * PAGE).unwrap();
    assert_eq!(
        (disk.used_bytes(), disk.free_bytes().unwrap().0),
        (6 * PAGE, 4 * PAGE)
    );
    disk.set_capacity(Some(PAGE));
    assert_eq!(disk.free_bytes().unwrap(), (0, PAGE));
    assert_eq!(
        kind(reserved.write_at(b"x", 5 * PAGE)),
        ErrorKind::StorageFull
    );
}

#[test]
fn space_returns_when_the_last_name_and_handle_are_gone() {
    let disk = FaultVfs::new(1);
    let file = put(&disk, "a", &[1; 3 * PAGE_BYTES]);
    disk.link(p("a"), p("b")).unwrap();
    assert_eq!(disk.used_bytes(), 3 * PAGE);
    disk.remove(p("a")).unwrap();
    drop(file);
    assert_eq!(disk.used_bytes(), 3 * PAGE);
    let file = open(&disk, "b");
    put(&disk, "c", b"1");
    disk.rename(p("c"), p("b")).unwrap();
    assert_eq!(disk.used_bytes(), 4 * PAGE);
    assert_eq!(
        disk.kill().used_bytes(),
        PAGE,
        "a dead process holds nothing open"
    );
    drop(file);
    assert_eq!(disk.used_bytes(), PAGE);
    let _open = open(&disk, "b");
    let killed = disk.kill();
    killed.remove(p("b")).unwrap();
    assert_eq!((killed.used_bytes(), disk.used_bytes()), (0, PAGE));
}

#[test]
fn a_cut_drops_the_reservation_and_an_outage_an_unsynced_one() {
    let disk = FaultVfs::new(1);
    let file = put(&disk, "a", b"12");
    file.allocate(8 * PAGE).unwrap();
    assert_eq!(disk.kill().used_bytes(), 8 * PAGE);
    let seen = power_cuts(&disk, FaultVfs::used_bytes);
    assert_eq!(seen, BTreeSet::from([PAGE, 8 * PAGE]));
    file.sync().unwrap();
    assert_eq!(disk.image(Outage::BarePowerCut).used_bytes(), 8 * PAGE);
    file.set_len(1).unwrap();
    assert_eq!(disk.used_bytes(), PAGE);
}

#[test]
fn damage_by_hand_is_durable() {
    let disk = FaultVfs::new(1);
    let file = put(&disk, "a", b"good");
    write(&*file, b"G", 0);
    disk.create(p("unsynced")).unwrap();
    disk.overwrite("a", b"bad").unwrap();
    disk.overwrite("b", b"new").unwrap();
    let safe = disk.image(Outage::BarePowerCut).contents();
    let expected = [("a", b"bad"), ("b", b"new")].map(|(path, c)| (path.to_owned(), c.to_vec()));
    assert_eq!(safe, BTreeMap::from(expected));
}
