//! Random histories: the disk against a plain file system and against its own promises.

use super::*;

/// One random operation, the same on any file system; its errors are part of the result.
fn random_operation(vfs: &dyn Vfs, random: &mut SplitMix64, links: bool) -> String {
    let paths = ["d", "e", "a", "b", "c", "d/a", "d/b", "e/a"];
    let mut any = || *random.pick(&paths).unwrap();
    let (path, other) = (p(any()), p(any()));
    // Folders cannot be removed: made anywhere, they would soon be everywhere.
    let (file, folder) = (
        p(random.pick(&paths[2..]).unwrap()),
        p(paths[random.index(2)]),
    );
    let (offset, len) = (random.below(3 * PAGE), random.index(1_500) + 1);
    let mut bytes = vec![0; len];
    random.fill(&mut bytes);
    let outcome = |result: io::Result<()>| format!("{:?}", result.map_err(|error| error.kind()));
    let on_file = |act: &dyn Fn(&dyn File) -> io::Result<()>| {
        outcome(
            vfs.open(path, OpenMode::ReadWrite)
                .and_then(|file| act(&*file)),
        )
    };
    match random.below(if links { 21 } else { 20 }) {
        0..3 => outcome(vfs.create(file).map(drop)),
        3 => outcome(vfs.rename(file, other)),
        4 => outcome(vfs.remove(path)),
        5..7 => outcome(vfs.create_dir(folder)),
        7 => format!(
            "{:?}",
            vfs.list(path.parent().unwrap())
                .map_err(|error| error.kind())
        ),
        8 => on_file(&|file| file.set_len(offset)),
        9..14 => on_file(&|file| write_all_at(file, &bytes, offset)),
        14..18 => on_file(&|file| file.sync()),
        18..20 => outcome(vfs.sync_dir(path.parent().unwrap())),
        _ => outcome(vfs.link(path, other)),
    }
}

/// Which of two errors comes first is each system's own choice; whether there is one is not.
fn behaves_alike(disk: &FaultVfs, other: &dyn Vfs, seed: u64) {
    let (mut here, mut there) = (SplitMix64::new(seed), SplitMix64::new(seed));
    for step in 0..300 {
        let result = random_operation(disk, &mut here, true);
        let expected = random_operation(other, &mut there, true);
        let failed = [&result, &expected].map(|result| result.starts_with("Err"));
        let same = if failed[0] {
            failed[1]
        } else {
            result == expected
        };
        assert!(
            same,
            "seed {seed} step {step}: {result}, expected {expected}"
        );
    }
    for (path, content) in disk.contents() {
        let file = other.open(p(&path), OpenMode::Read).unwrap();
        assert!(
            read_to_end(&*file).unwrap() == content,
            "seed {seed}: {path}"
        );
    }
}

#[test]
fn without_faults_it_is_a_plain_file_system() {
    for seed in 0..30 {
        let disk = FaultVfs::new(seed);
        behaves_alike(&disk, &MemVfs::new(), seed);
        let counted_anew = disk.kill().used_bytes();
        assert_eq!(
            disk.used_bytes(),
            counted_anew,
            "the running count of space went astray"
        );
    }
}

#[test]
fn without_faults_it_is_as_the_machines_own() {
    for seed in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        behaves_alike(&FaultVfs::new(seed), &OsVfs::new(folder.path()), seed);
    }
}

/// What twenty power cuts leave of a random history with failing syncs.
fn images_of_a_history(disk_seed: u64, history: u64) -> Vec<BTreeMap<String, Vec<u8>>> {
    let disk = FaultVfs::new(disk_seed);
    let mut random = SplitMix64::new(history);
    disk.on_operation(|_, operation| match operation.kind {
        OperationKind::Sync if operation.sync_number % 3 == 0 => Verdict::Fail(Fault::DISK),
        _ => Verdict::Proceed,
    });
    for _ in 0..200 {
        random_operation(&disk, &mut random, true);
    }
    (0..20).map(|cut| disk.power_cut(cut).contents()).collect()
}

#[test]
fn the_same_seeds_leave_the_same_bytes() {
    let run = |disk_seed| {
        let images = (0..10).map(|history| images_of_a_history(disk_seed, history));
        images.collect::<Vec<_>>()
    };
    let first = run(1);
    assert!(first == run(1));
    assert!(
        first != run(2),
        "failed syncs do not follow the seed of the disk"
    );
    let differ = |images: &Vec<_>| images.iter().any(|image| *image != images[0]);
    assert!(
        first.iter().any(differ),
        "power cuts do not follow their seed"
    );
}

#[test]
fn nothing_is_invented_and_nothing_safe_is_lost() {
    for seed in 0..40 {
        let disk = FaultVfs::new(seed);
        let mut random = SplitMix64::new(seed);
        for _ in 0..random.below(200) {
            random_operation(&disk, &mut random, false);
        }
        let mut unsynced = disk.unsynced();
        unsynced.retain(|path| disk.sync_dir(p(path)).is_err());
        let safe = disk.image(Outage::BarePowerCut);
        let mut possible: BTreeMap<String, Vec<BTreeSet<u8>>> = BTreeMap::new();
        for (path, content) in safe.contents() {
            possible.insert(
                path,
                content.into_iter().map(|byte| [byte, 0].into()).collect(),
            );
        }
        // A last round on files whose names are safe; every byte ever written is allowed.
        for path in safe.contents().into_keys() {
            let Ok(file) = disk.open(p(&path), OpenMode::ReadWrite) else {
                continue;
            };
            if disk.content(&path).unwrap() != safe.content(&path).unwrap() {
                possible.remove(&path);
                continue;
            }
            for _ in 0..3 {
                let mut bytes = vec![0; random.index(3_000) + 1];
                random.fill(&mut bytes);
                let offset = random.index(2 * PAGE_BYTES);
                write(&*file, &bytes, offset as u64);
                let cells = possible.get_mut(&path).unwrap();
                cells.resize(cells.len().max(offset + bytes.len()), [0].into());
                for (cell, byte) in cells[offset..].iter_mut().zip(bytes) {
                    cell.insert(byte);
                }
            }
        }
        for cut in 0..20 {
            let image = disk.power_cut(cut);
            for (path, cells) in &possible {
                let (content, old) = (image.content(path).unwrap(), safe.content(path).unwrap());
                assert!(
                    (old.len()..=cells.len()).contains(&content.len()),
                    "{seed} {cut} {path}"
                );
                let known = content
                    .iter()
                    .zip(cells)
                    .all(|(byte, cell)| cell.contains(byte));
                assert!(
                    known,
                    "seed {seed} cut {cut}: {path} holds bytes nobody wrote"
                );
            }
        }
    }
}

#[test]
fn ten_thousand_operations_with_an_image_at_every_sync() {
    let disk = FaultVfs::new(1);
    let images = Arc::new(Mutex::new(Vec::new()));
    let taken = Arc::clone(&images);
    disk.on_operation(move |disk, operation| {
        if operation.kind.is_sync() {
            taken
                .lock()
                .unwrap()
                .push(disk.power_cut(operation.sync_number));
        }
        Verdict::Proceed
    });
    let new_log = |step: u64| {
        let log = disk.create(p(&format!("{step:05}.log"))).unwrap();
        disk.sync_dir(p("")).unwrap();
        log
    };
    let mut safe_before = Vec::new(); // Per image, how many frames were safe then.
    let (mut log, mut offset, mut safe) = (new_log(0), 0, 0);
    for step in 0..10_000u64 {
        let frame = [step.to_le_bytes(); 16].concat();
        write(&*log, &frame, offset);
        offset += frame.len() as u64;
        if step % 3 == 2 || step % 1_000 == 999 {
            safe_before.push((disk.counters().syncs(), safe));
            log.sync().unwrap();
            safe = step + 1;
        }
        if step % 1_000 == 999 {
            (log, offset) = (new_log(step + 1), 0);
        }
    }
    let images = images.lock().unwrap();
    assert!(images.len() > 3_000);
    let frame = |step: u64| [step.to_le_bytes(); 16].concat();
    let written: Vec<u8> = (0..10_000).flat_map(frame).collect();
    for (image, safe) in safe_before.into_iter().step_by(37) {
        let content = images[image as usize]
            .contents()
            .into_values()
            .collect::<Vec<_>>()
            .concat();
        let survives = content.starts_with(&written[..safe as usize * 128]);
        assert!(survives, "image {image} lacks one of {safe} safe frames");
    }
}
