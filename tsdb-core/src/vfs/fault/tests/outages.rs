//! What survives a kill and a power cut, and what may not.

use super::*;

#[test]
fn what_is_synced_survives_every_outage() {
    let disk = FaultVfs::new(1);
    let file = put(&disk, "a", b"synced");
    write(&*file, b"later", 6);
    for image in [disk.kill(), disk.image(Outage::BarePowerCut)] {
        assert!(image.content("a").unwrap().starts_with(b"synced"));
    }
    let seen = power_cuts(&disk, |image| image.content("a").unwrap());
    assert!(
        seen.iter().all(|content| content.starts_with(b"synced")),
        "{seen:?}"
    );
    assert!(seen.contains(&b"synced"[..]), "always survives: {seen:?}");
    assert!(
        seen.contains(&b"syncedlater"[..]),
        "never survives: {seen:?}"
    );
    assert_eq!(
        disk.image(Outage::BarePowerCut).content("a").unwrap(),
        b"synced"
    );
    assert_eq!(
        disk.content("a").unwrap(),
        b"syncedlater",
        "an image changed its original"
    );
}

#[test]
fn a_kill_loses_nothing_but_saves_nothing_either() {
    let disk = FaultVfs::new(1);
    let file = put(&disk, "a", b"old");
    write(&*file, b"new", 0);
    disk.create(p("b")).unwrap();
    let killed = disk.kill();
    assert_eq!(killed.content("a").unwrap(), b"new");
    assert_eq!(killed.content("b").unwrap(), b"");
    assert_eq!(killed.unsynced(), ["", "a"]);
    let cut = killed.image(Outage::BarePowerCut);
    assert_eq!(cut.content("a").unwrap(), b"old");
    assert_eq!(kind(cut.content("b")), ErrorKind::NotFound);
    open(&killed, "a").sync().unwrap();
    assert_eq!(
        killed.image(Outage::BarePowerCut).content("a").unwrap(),
        b"new"
    );
}

#[test]
fn what_one_power_cut_left_the_next_does_not_take() {
    let disk = FaultVfs::new(1);
    let file = put(&disk, "a", b"old");
    write(&*file, b"new", 0);
    disk.create(p("b")).unwrap();
    for seed in 0..SEEDS {
        let first = disk.power_cut(seed);
        assert!(first.unsynced().is_empty());
        assert_eq!(
            first.image(Outage::BarePowerCut).contents(),
            first.contents()
        );
        assert_eq!(first.power_cut(seed).contents(), first.contents());
    }
}

#[test]
fn unsynced_writes_survive_in_any_subset() {
    let disk = FaultVfs::new(1);
    let file = put(&disk, "a", b"...");
    for (offset, byte) in [(0, b"x"), (1, b"y"), (2, b"z")] {
        write(&*file, byte, offset);
    }
    let seen = power_cuts(&disk, content("a"));
    let all = ["...", "x..", ".y.", "..z", "xy.", "x.z", ".yz", "xyz"];
    assert_eq!(
        seen,
        all.iter()
            .map(|text| Some(text.as_bytes().to_vec()))
            .collect()
    );
}

#[test]
fn an_unsynced_overwrite_is_torn_at_bytes_and_at_sectors() {
    let disk = FaultVfs::new(1);
    let file = put(&disk, "a", &[b'o'; 2048]);
    write(&*file, &[b'n'; 2000], 24);
    let seen = power_cuts(&disk, |image| image.content("a").unwrap());
    let is_torn = |c: &&Vec<u8>| c[24..2024].contains(&b'o') && c.contains(&b'n');
    let torn: Vec<&Vec<u8>> = seen.iter().filter(is_torn).collect();
    assert!(torn.len() > 20, "{} torn states", torn.len());
    let around = |c: &Vec<u8>| c[..24] == [b'o'; 24] && c[2024..] == [b'o'; 24];
    assert!(seen.iter().all(|c| c.len() == 2048 && around(c)));
    let new_bytes = |c: &[u8]| c.iter().filter(|byte| **byte == b'n').count();
    let is_prefix = |c: &[u8]| c[24..24 + new_bytes(c)] == vec![b'n'; new_bytes(c)];
    let ends_within_sector = |c: &[u8]| is_prefix(c) && (24 + new_bytes(c)) % 512 != 0;
    assert!(
        torn.iter().any(|c| ends_within_sector(c)),
        "no write cut short at a byte"
    );
    let skips_a_sector = |c: &[u8]| c[24..512].contains(&b'o') && c[512..1024] == [b'n'; 512];
    assert!(
        torn.iter().any(|c| skips_a_sector(c)),
        "no sector lost before one kept"
    );
    for content in torn.iter().filter(|c| !is_prefix(c)) {
        for sector in content[512..1536].chunks(512) {
            assert!(
                sector.iter().all(|byte| *byte == sector[0]),
                "a sector is never mixed"
            );
        }
    }
}

#[test]
fn an_unsynced_append_can_leave_the_length_without_the_bytes() {
    let disk = FaultVfs::new(1);
    let file = put(&disk, "a", b"old");
    write(&*file, b"new", 3);
    let seen = power_cuts(&disk, |image| image.content("a").unwrap());
    for expected in [&b"old"[..], b"oldnew", b"old\0\0\0", b"oldne"] {
        assert!(seen.contains(expected), "{expected:?} not in {seen:?}");
    }
}

#[test]
fn an_unsynced_cut_of_a_file_goes_either_way() {
    let disk = FaultVfs::new(1);
    let file = put(&disk, "a", b"0123456789");
    file.set_len(4).unwrap();
    assert_eq!(disk.content("a").unwrap(), b"0123");
    let seen = power_cuts(&disk, |image| image.content("a").unwrap());
    assert_eq!(
        seen,
        BTreeSet::from([b"0123".to_vec(), b"0123456789".to_vec()])
    );
    write(&*file, b"x", 4);
    let seen = power_cuts(&disk, |image| image.content("a").unwrap());
    // The old tail behind a new byte: what recovery meets when its cut is lost, its write not.
    assert!(seen.contains(&b"0123x56789"[..]), "{seen:?}");
    file.sync().unwrap();
    assert_eq!(
        power_cuts(&disk, content("a")),
        BTreeSet::from([Some(b"0123x".to_vec())])
    );
}

#[test]
fn a_new_name_is_safe_only_after_its_folder_is_synced() {
    let disk = FaultVfs::new(1);
    let file = disk.create(p("a")).unwrap();
    write(&*file, b"1", 0);
    file.sync().unwrap();
    let seen = power_cuts(&disk, content("a"));
    assert_eq!(seen, BTreeSet::from([None, Some(b"1".to_vec())]));
    disk.sync_dir(p("")).unwrap();
    assert_eq!(
        power_cuts(&disk, content("a")),
        BTreeSet::from([Some(b"1".to_vec())])
    );
}

#[test]
fn a_name_can_survive_the_bytes_it_names() {
    let disk = FaultVfs::new(1);
    let file = disk.create(p("a.tmp")).unwrap();
    write(&*file, b"content", 0);
    disk.rename(p("a.tmp"), p("a")).unwrap();
    disk.sync_dir(p("")).unwrap();
    let seen = power_cuts(&disk, content("a"));
    assert!(seen.contains(&Some(Vec::new())), "{seen:?}");
    assert!(!seen.contains(&None));
}

#[test]
fn a_rename_is_atomic_and_safe_only_after_the_sync_of_its_folder() {
    let disk = FaultVfs::new(1);
    put(&disk, "m", b"old");
    put(&disk, "m.tmp", b"new");
    disk.rename(p("m.tmp"), p("m")).unwrap();
    let before = BTreeMap::from([
        ("m".into(), b"old".to_vec()),
        ("m.tmp".into(), b"new".to_vec()),
    ]);
    let after = BTreeMap::from([("m".to_owned(), b"new".to_vec())]);
    assert_eq!(
        power_cuts(&disk, FaultVfs::contents),
        BTreeSet::from([before, after.clone()])
    );
    disk.sync_dir(p("")).unwrap();
    assert_eq!(
        power_cuts(&disk, FaultVfs::contents),
        BTreeSet::from([after])
    );
}

#[test]
fn changes_of_one_folder_survive_in_order() {
    let disk = FaultVfs::new(1);
    put(&disk, "gone", b"");
    disk.create(p("a")).unwrap();
    disk.remove(p("gone")).unwrap();
    disk.link(p("a"), p("b")).unwrap();
    let seen = power_cuts(&disk, |image| image.list(p("")).unwrap().join(" "));
    assert_eq!(
        seen,
        ["gone", "a gone", "a", "a b"].map(str::to_owned).into()
    );
}

#[test]
fn folders_lose_their_changes_apart() {
    let disk = FaultVfs::new(1);
    for folder in ["d", "e"] {
        disk.create_dir(p(folder)).unwrap();
    }
    disk.sync_dir(p("")).unwrap();
    disk.create(p("d/first")).unwrap();
    disk.create(p("e/second")).unwrap();
    let seen = power_cuts(&disk, |image| {
        image.contents().into_keys().collect::<Vec<_>>()
    });
    assert_eq!(seen.len(), 4, "{seen:?}");
    disk.sync_dir(p("d")).unwrap();
    let seen = power_cuts(&disk, |image| {
        image.contents().into_keys().collect::<Vec<_>>()
    });
    assert_eq!(seen.len(), 2, "{seen:?}");
}

#[test]
fn a_folder_takes_with_it_what_was_safe_inside() {
    let disk = FaultVfs::new(1);
    disk.create_dir(p("d")).unwrap();
    put(&disk, "d/a", b"1");
    let seen = power_cuts(&disk, content("d/a"));
    assert_eq!(seen, BTreeSet::from([None, Some(b"1".to_vec())]));
    assert!(
        disk.image(Outage::BarePowerCut)
            .list(p(""))
            .unwrap()
            .is_empty()
    );
    disk.sync_dir(p("")).unwrap();
    assert_eq!(
        power_cuts(&disk, content("d/a")),
        BTreeSet::from([Some(b"1".to_vec())])
    );
}

#[test]
fn a_removed_file_can_come_back() {
    let disk = FaultVfs::new(1);
    put(&disk, "a", b"1");
    disk.remove(p("a")).unwrap();
    assert_eq!(power_cuts(&disk, content("a")).len(), 2);
    assert_eq!(kind(disk.kill().content("a")), ErrorKind::NotFound);
    assert_eq!(power_cuts(&disk.kill(), content("a")).len(), 2);
}

#[test]
fn a_synced_move_of_an_unsynced_file_leaves_no_second_name() {
    for folders in [["", "d"], ["d", ""]] {
        let disk = FaultVfs::new(1);
        disk.create_dir(p("d")).unwrap();
        disk.sync_dir(p("")).unwrap();
        disk.create(p("a")).unwrap();
        disk.rename(p("a"), p("d/a")).unwrap();
        disk.rename(p("d/a"), p("b")).unwrap();
        disk.rename(p("b"), p("d/b")).unwrap();
        for folder in folders {
            disk.sync_dir(p(folder)).unwrap();
            let seen = power_cuts(&disk, |image| image.contents().len());
            assert!(!seen.contains(&0), "{folder}: a synced move is lost");
        }
        let names: Vec<_> = disk
            .image(Outage::BarePowerCut)
            .contents()
            .into_keys()
            .collect();
        assert_eq!(names, ["d/b"]);
    }
}

#[test]
fn a_folder_keeps_what_its_sync_saved_of_a_move() {
    let disk = FaultVfs::new(1);
    disk.create_dir(p("d")).unwrap();
    put(&disk, "a", b"1");
    disk.rename(p("a"), p("d/a")).unwrap();
    disk.rename(p("d/a"), p("a")).unwrap();
    disk.sync_dir(p("")).unwrap();
    assert_eq!(
        power_cuts(&disk, content("a")),
        BTreeSet::from([Some(b"1".to_vec())])
    );

    put(&disk, "d/b", b"old");
    disk.remove(p("d/b")).unwrap();
    disk.rename(p("a"), p("d/b")).unwrap();
    disk.sync_dir(p("")).unwrap();
    assert_eq!(
        power_cuts(&disk, content("d/b")),
        BTreeSet::from([Some(b"1".to_vec())])
    );
}

#[test]
fn a_torn_append_can_have_its_full_length() {
    let disk = FaultVfs::new(1);
    let file = disk.create(p("a")).unwrap();
    disk.sync_dir(p("")).unwrap();
    write(&*file, &[b'n'; 1024], 0);
    let cuts = 0..10 * SEEDS; // Two sectors have few ways to be torn.
    let seen: BTreeSet<_> = cuts
        .map(|seed| disk.power_cut(seed).content("a").unwrap())
        .collect();
    let (new, zeros) = (vec![b'n'; 512], vec![0; 512]);
    for expected in [
        new.clone(),
        [&*new, &*zeros].concat(),
        [&*zeros, &*new].concat(),
    ] {
        assert!(seen.contains(&expected));
    }
}

#[test]
fn a_move_between_folders_never_loses_the_file() {
    let disk = FaultVfs::new(1);
    disk.create_dir(p("d")).unwrap();
    disk.sync_dir(p("")).unwrap();
    put(&disk, "a", b"1");
    disk.rename(p("a"), p("d/a")).unwrap();
    let seen = power_cuts(&disk, |image| {
        image.contents().into_keys().collect::<Vec<_>>()
    });
    assert_eq!(seen, [vec!["a".to_owned()], vec!["d/a".to_owned()]].into());
    disk.sync_dir(p("")).unwrap();
    disk.sync_dir(p("d")).unwrap();
    let names: Vec<_> = disk
        .image(Outage::BarePowerCut)
        .contents()
        .into_keys()
        .collect();
    assert_eq!(names, ["d/a"]);
}

#[test]
fn an_outage_frees_the_locks() {
    let disk = FaultVfs::new(1);
    let _lock = disk.lock(p("LOCK")).unwrap();
    disk.sync_dir(p("")).unwrap();
    assert_eq!(kind(disk.lock(p("LOCK"))), ErrorKind::WouldBlock);
    for image in [
        disk.kill(),
        disk.power_cut(3),
        disk.image(Outage::BarePowerCut),
    ] {
        let _lock = image.lock(p("LOCK")).unwrap();
        assert_eq!(kind(image.lock(p("LOCK"))), ErrorKind::WouldBlock);
    }
    assert_eq!(kind(disk.lock(p("LOCK"))), ErrorKind::WouldBlock);
}
