use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;
use tsdb_core::vfs::{Fault, FaultVfs, OperationKind, Verdict, Vfs};
use tsdb_core::{
    Db, DbOptions, Labels, Matcher, OpeningPhase, OpeningProgress, Sample, SystemClock, TimeRange,
    WriteBatch,
};
use tsdb_remote::{ReadError, WriteError};

use super::{Opened, Reply, Store, StoreError, StoreOptions};
use crate::telemetry::Telemetry;

/// A store over `disk`, and what it counts.
fn open(disk: &FaultVfs) -> (Store, Arc<Telemetry>) {
    let (store, telemetry) = start(disk);
    store.open(plain).expect("a database");
    (store, telemetry)
}

/// Plain requests use the namespace that is always there.
fn plain(_: &Db) -> Result<String, StoreError> {
    Ok("default".to_owned())
}

/// A store over `disk` that is not open yet.
fn start(disk: &FaultVfs) -> (Store, Arc<Telemetry>) {
    let telemetry = Arc::new(Telemetry::default());
    let progress = Arc::new(OpeningProgress::default());
    let for_open = Arc::clone(&progress);
    let disk: Arc<dyn Vfs> = Arc::new(disk.clone());
    let options = StoreOptions {
        open: Arc::new(move || {
            let clock = Arc::new(SystemClock::new());
            let options = DbOptions {
                progress: Some(Arc::clone(&for_open)),
                ..DbOptions::default()
            };
            Db::open_with(Arc::clone(&disk), clock, options)
        }),
        progress,
        max_concurrent_queries: 2,
        disk: None,
        writers: 2,
    };
    let store = Store::start(options, &telemetry).expect("threads");
    (store, telemetry)
}

/// While a log is replayed the store answers: not ready, and how far it is; writes and reads are
/// told to come back, and none of them is lost or acked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_while_the_database_is_opened_is_told_to_come_back() {
    let disk = FaultVfs::new(2);
    let (store, _telemetry) = open(&disk);
    for timestamp in 1..100 {
        write(&store, timestamp).await.expect("a write");
    }
    let disk = disk.kill();

    let (store, telemetry) = start(&disk);
    let reason = store.not_ready().expect("it is not open");
    assert!(reason.contains("being opened"), "{reason}");
    // The disk holds opening up in the middle of replay, until it is told to go on.
    let (reached, at_log) = channel();
    let (go_on, told) = channel::<()>();
    let (reached, told) = (Mutex::new(Some(reached)), Mutex::new(told));
    disk.on_operation(move |_, operation| {
        // The first read of a log is that of its header.
        let read = operation.kind == OperationKind::Read && operation.offset > 0;
        let frames = read && operation.path.starts_with("wal");
        if frames && let Some(reached) = reached.lock().expect("reached").take() {
            reached.send(()).expect("the test waits");
            told.lock().expect("told").recv().expect("the test goes on");
        }
        Verdict::Proceed
    });
    let opening = store.clone();
    let opened = tokio::task::spawn_blocking(move || opening.open(plain));
    tokio::task::spawn_blocking(move || at_log.recv())
        .await
        .expect("a thread")
        .expect("a read");
    let state = store.opening();
    assert_eq!(state.phase, OpeningPhase::Replay);
    assert_eq!((state.logs, state.logs_replayed), (1, 0));
    assert!(
        state.log_bytes > 0 && state.log_bytes_replayed < state.log_bytes,
        "{state:?}"
    );
    let reason = store.not_ready().expect("it is not open");
    assert!(
        reason.contains("replaying logs, ") && reason.contains("0 of 1 files"),
        "{reason}"
    );
    let error = write(&store, 1000).await.expect_err("nobody could take it");
    assert!(error.is_passing(), "{error}");
    assert!(store.current().is_err_and(|error| error.is_passing()));
    assert_eq!(store.figures().opening, state);

    go_on.send(()).expect("the disk waits");
    opened.await.expect("a thread").expect("a database");
    let state = store.opening();
    assert_eq!(state.phase, OpeningPhase::Open);
    assert_eq!((state.logs, state.logs_replayed), (1, 1));
    assert_eq!(state.log_bytes_replayed, state.log_bytes);
    assert_eq!(store.not_ready(), None);
    write(&store, 101).await.expect("a write");
    let db = store.current().expect("an open database").db;
    assert_eq!(timestamps(&db), (1..100).chain([101]).collect::<Vec<_>>());
    drop(db);
    drop(telemetry);
    store.close().expect("a clean stop");
}

fn labels() -> Labels {
    Labels::from_pairs([("__name__", "a")]).expect("labels")
}

/// Stores one sample and waits until it is durable.
async fn write(store: &Store, timestamp: i64) -> Result<(), StoreError> {
    let work = move |opened: Opened, _: &mut _, reply: Reply<()>| {
        let labels = labels();
        let mut batch = WriteBatch::new();
        batch.push(&labels, Sample::new(timestamp, 1.0));
        match opened.namespace.append(&batch) {
            Ok(append) => append
                .ticket
                .on_commit(move |durable| reply.send(durable.map_err(StoreError::database))),
            Err(error) => reply.send(Err(StoreError::database(error))),
        }
    };
    store.write(work).await
}

fn timestamps(db: &Db) -> Vec<i64> {
    let all = [Matcher::equal("__name__", "a")];
    let set = db
        .default_namespace()
        .select(TimeRange::ALL, &all)
        .expect("a select");
    set.flat_map(|series| series.expect("a series").timestamps().to_vec())
        .collect()
}

async fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poisoned_database_is_reopened_and_loses_nothing_acked() {
    let disk = FaultVfs::new(1);
    let (store, telemetry) = open(&disk);
    write(&store, 1).await.expect("a write");
    assert_eq!(store.not_ready(), None);

    // Every sync of a log fails until told otherwise, and so does every attempt to reopen.
    disk.on_operation(|_, operation| {
        let sync = matches!(operation.kind, OperationKind::Sync | OperationKind::SyncDir);
        let of_log = operation.path.starts_with("wal");
        if sync && of_log {
            Verdict::Fail(Fault::DISK)
        } else {
            Verdict::Proceed
        }
    });
    let error = write(&store, 2).await.expect_err("a failed sync");
    assert!(error.is_passing(), "{error}");
    assert!(matches!(
        WriteError::from(error),
        WriteError::Unavailable { .. }
    ));
    wait_until("it is not ready", || store.not_ready().is_some()).await;
    let error = write(&store, 3).await.expect_err("still refused");
    assert!(matches!(
        WriteError::from(error),
        WriteError::Unavailable { .. }
    ));

    disk.clear_hook();
    wait_until("it is open again", || {
        store
            .current()
            .is_ok_and(|opened| opened.db.poisoned().is_none())
    })
    .await;
    write(&store, 4).await.expect("a write after reopening");
    assert_eq!(store.not_ready(), None);
    assert!(telemetry.reopenings.load(Ordering::Relaxed) >= 1);
    store.close().expect("a clean close");

    let (again, _) = open(&disk);
    let found = timestamps(&again.current().expect("open").db);
    assert!(
        found.starts_with(&[1]) && found.ends_with(&[4]),
        "{found:?}"
    );
    again.close().expect("a clean close");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_stores_what_is_queued_and_leaves_nothing_to_replay() {
    let disk = FaultVfs::new(2);
    let (store, _) = open(&disk);
    let writes: Vec<_> = (0..50)
        .map(|timestamp| {
            let store = store.clone();
            tokio::spawn(async move { write(&store, timestamp).await })
        })
        .collect();
    let mut acked = 0;
    for write in writes {
        acked += usize::from(write.await.expect("no panic").is_ok());
    }
    assert_eq!(acked, 50);
    let closing = store.close().expect("a clean close");
    assert_eq!(closing.flushed_samples, 50);
    assert!(!closing.queries_cut);
    assert!(
        matches!(write(&store, 99).await, Err(StoreError::Busy(_))),
        "a closed store takes nothing"
    );
    assert!(store.not_ready().is_some());

    let (again, _) = open(&disk);
    assert_eq!(again.figures().recovery.frames, 0);
    assert_eq!(
        timestamps(&again.current().expect("open").db),
        (0..50).collect::<Vec<_>>()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_turns_writes_away_for_now() {
    let (store, _) = open(&FaultVfs::new(3));
    let (release, wait) = channel::<()>();
    let wait = Arc::new(Mutex::new(wait));
    let begun = Arc::new(AtomicU64::new(0));
    let hold = || {
        let (store, wait, begun) = (store.clone(), Arc::clone(&wait), Arc::clone(&begun));
        let work = move |_: Opened, _: &mut _, reply: Reply<()>| {
            begun.fetch_add(1, Ordering::Relaxed);
            // Ends when the sender is dropped.
            let _closed = wait.lock().expect("no panic").recv();
            reply.send(Ok(()));
        };
        tokio::spawn(async move { store.write(work).await })
    };
    // Two jobs hold both threads, and the queue behind them takes as many as it may.
    let mut jobs = vec![hold(), hold()];
    wait_until("both threads are held", || {
        begun.load(Ordering::Relaxed) == 2
    })
    .await;
    let limit = store.figures().writes_queued.1;
    jobs.extend((0..limit).map(|_| hold()));
    wait_until("the queue is full", || {
        store.figures().writes_queued.0 == limit
    })
    .await;
    let refused = write(&store, 1).await.expect_err("a full queue");
    assert!(
        matches!(refused, StoreError::Busy(_)) && refused.is_passing(),
        "{refused}"
    );
    let told = WriteError::from(refused);
    assert!(matches!(
        told,
        WriteError::Unavailable {
            retry_after: Some(_),
            ..
        }
    ));
    drop(release);
    for job in jobs {
        job.await.expect("no panic").expect("an answer");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_costs_its_own_request_only() {
    let (store, telemetry) = open(&FaultVfs::new(4));
    let lost = store
        .write(|_: Opened, _: &mut _, _: Reply<()>| panic!("on purpose"))
        .await;
    assert!(matches!(lost, Err(StoreError::Lost)));
    let admission = store.queries().admit(None).await.expect("a turn");
    let lost = store
        .queries()
        .run(&admission, || -> () { panic!("on purpose") })
        .await;
    assert!(matches!(lost, Err(StoreError::Lost)));
    drop(admission);
    assert!(matches!(
        ReadError::from(StoreError::Lost),
        ReadError::Internal(_)
    ));
    wait_until("both are counted", || {
        telemetry.panics.load(Ordering::Relaxed) == 2
    })
    .await;
    for timestamp in 0..10 {
        write(&store, timestamp).await.expect("a write");
        let admission = store.queries().admit(None).await.expect("a turn");
        assert_eq!(
            store
                .queries()
                .run(&admission, move || timestamp)
                .await
                .expect("an answer"),
            timestamp
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_makes_it_not_ready_until_there_is_space() {
    let disk = FaultVfs::new(5);
    let (store, _) = open(&disk);
    write(&store, 1).await.expect("a write");
    disk.on_operation(|_, operation| match operation.kind {
        OperationKind::Allocate | OperationKind::Write | OperationKind::Create => {
            Verdict::Fail(Fault::NO_SPACE)
        }
        _ => Verdict::Proceed,
    });
    let mut refused = None;
    for timestamp in 2..100_000 {
        if let Err(error) = write(&store, timestamp).await {
            refused = Some(error);
            break;
        }
    }
    let error = refused.expect("a full disk refuses");
    assert!(error.is_passing(), "{error}");
    assert!(store.not_ready().is_some());
    disk.clear_hook();
    let deadline = Instant::now() + Duration::from_secs(20);
    while write(&store, 0).await.is_err() {
        assert!(
            Instant::now() < deadline,
            "no write succeeds though there is space"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(store.not_ready(), None);
}
