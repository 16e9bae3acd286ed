//! The server killed with -9 twenty times under load: what was acked is there, nothing else is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::support::{Sent, Server, exported, series, wait_for, write_body, write_request};

const KILLS: u64 = 20;
const WRITERS: u64 = 4;
const SERIES: u64 = 16;

/// By series and timestamp: the bits that were sent, and whether that was acked.
type Ledger = BTreeMap<(String, i64), (u64, bool)>;

/// Numbers that look random and are the same in every run.
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Any bits: NaN payloads, infinities and denormals among them.
fn bits(seed: u64) -> u64 {
    match seed % 16 {
        0 => 0x7ff0_0000_0000_0002,
        1 => 0x7ff8_0000_0000_0000 | (mix(seed) & 0xffff),
        2 => f64::NEG_INFINITY.to_bits(),
        3 => (-0.0_f64).to_bits(),
        4..8 => mix(seed),
        _ => ((mix(seed) % 1000) as f64).to_bits(),
    }
}

/// Sends until told to stop, or until the server is gone. Every request brings new timestamps,
/// the series of a late writer in falling order, and now and then a new series.
async fn write(
    api: String,
    writer: u64,
    round: u64,
    stop: Arc<AtomicBool>,
    acks: Arc<AtomicU64>,
    ledger: Arc<Mutex<Ledger>>,
) {
    for request in 0.. {
        let at = i64::try_from(round * 1_000_000 + request * 10).expect("a short test");
        let timestamp = 1_700_000_000_000 + if writer == 0 { -at } else { at };
        let (mut sent, mut body) = (Vec::new(), Vec::new());
        for index in 0..SERIES {
            let name = if index == 0 {
                format!("new_{round}_{}", request / 50)
            } else {
                format!("load_{index}")
            };
            let writer = writer.to_string();
            let samples: Vec<Sent> = (0..1 + index as i64 % 3)
                .map(|step| {
                    (
                        timestamp + step,
                        bits(mix(round << 32 | request << 8 | index) ^ (step as u64)),
                    )
                })
                .collect();
            let shown = format!("{name}{{writer=\"{writer}\"}}");
            sent.extend(
                samples
                    .iter()
                    .map(|(ms, bits)| ((shown.clone(), *ms), *bits)),
            );
            body.push(series(
                &[("__name__", &name), ("writer", &writer)],
                &samples,
            ));
        }
        ledger
            .lock()
            .expect("ledger")
            .extend(sent.iter().map(|(key, bits)| (key.clone(), (*bits, false))));
        match write_request(&api, write_body(body)).await {
            Ok(answer) if answer.status == 204 => {
                let mut ledger = ledger.lock().expect("ledger");
                ledger.extend(sent.into_iter().map(|(key, bits)| (key, (bits, true))));
                acks.fetch_add(1, Ordering::Relaxed);
            }
            Ok(answer) => assert_eq!(answer.status, 503, "{}", answer.text()),
            Err(_) => return,
        }
        if stop.load(Ordering::Relaxed) {
            return;
        }
    }
}

async fn check(server: &Server, ledger: &Ledger, round: u64) {
    let mut seen = BTreeSet::new();
    for (name, samples) in exported(server, "{__name__=~\".+\"}").await {
        for (timestamp, bits) in samples {
            let key = (name.clone(), timestamp);
            match ledger.get(&key) {
                Some((sent, _)) => assert_eq!(
                    bits, *sent,
                    "round {round}: {key:?} has other bits than were sent"
                ),
                None => panic!("round {round}: {key:?} was never sent"),
            }
            assert!(
                seen.insert(key),
                "round {round}: {name} at {timestamp} comes twice"
            );
        }
    }
    for (key, (_, acked)) in ledger {
        assert!(
            !acked || seen.contains(key),
            "round {round}: {key:?} was acked and is lost"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_kills_lose_nothing_and_invent_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = Arc::new(Mutex::new(Ledger::new()));
    let mut slowest_ms = 0;
    for round in 0..KILLS {
        let started = std::time::Instant::now();
        // A log this small is cut and flushed many times a round, and kills fall into that too.
        let log_cap: &[&str] = if round % 2 == 0 {
            &["--log-cap", "16KiB"]
        } else {
            &[]
        };
        let mut server = Server::start(folder.path(), log_cap);
        slowest_ms = slowest_ms.max(started.elapsed().as_millis());
        let known = ledger.lock().expect("ledger").clone();
        check(&server, &known, round).await;
        let (stop, acks) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (stop, acks, ledger) =
                    (Arc::clone(&stop), Arc::clone(&acks), Arc::clone(&ledger));
                tokio::spawn(write(server.api.clone(), writer, round, stop, acks, ledger))
            })
            .collect();
        let enough = mix(round) % 60 + 5;
        wait_for("acks", 60, async || {
            (acks.load(Ordering::Relaxed) >= enough).then_some(())
        })
        .await;
        if round % 2 == 0 {
            // One flush belongs to the start, of what was replayed; the others fall into the load.
            wait_for("a flush under load", 60, async || {
                (server.metric("tsdb_flushes_total").await >= 2.0).then_some(())
            })
            .await;
        }
        server.process.kill();
        stop.store(true, Ordering::Relaxed);
        for writer in writers {
            writer.await.expect("a writer saw only 204 and 503");
        }
    }
    let server = Server::start(folder.path(), &[]);
    let ledger = ledger.lock().expect("ledger").clone();
    check(&server, &ledger, KILLS).await;
    let acked = ledger.values().filter(|(_, acked)| *acked).count();
    eprintln!(
        "{acked} acked samples of {} sent survived {KILLS} kills; slowest start {slowest_ms} ms",
        ledger.len()
    );
    assert!(
        acked > 10_000,
        "only {acked} samples were acked, which proves little"
    );
}
