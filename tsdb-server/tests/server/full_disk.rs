//! A disk that is really full, with the high-water mark turned off: what does not fit is refused
//! with 503, what was acked stays, and writing goes on by itself once there is room again.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Server, exported, get, series, wait_for, write_body, write_request};

const DISK_MIB: usize = 24;
/// Given free again later.
const FILLER_MIB: usize = 10;
const SERIES: i64 = 200;
const SAMPLES: i64 = 20;

/// A small file system in memory, of this test alone.
struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// None where this process may not mount anything.
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let size = format!("size={DISK_MIB}m");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]);
        let status = mount.arg(folder.path()).status().ok()?;
        status.success().then_some(Self { folder })
    }

    fn filler(&self) -> PathBuf {
        self.folder.path().join("filler")
    }

    fn fill(&self, mib: usize) {
        std::fs::write(self.filler(), vec![1; mib << 20]).expect("room for the filler");
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount")
            .arg("-l")
            .arg(self.folder.path())
            .status();
        assert!(unmounted.is_ok_and(|status| status.success()));
    }
}

/// The bits of a sample, which look random and do not compress.
fn bits(series: i64, timestamp: i64) -> u64 {
    let mixed = (series * 1_000_003 + timestamp).cast_unsigned();
    let mixed = (mixed ^ mixed >> 31).wrapping_mul(0x7fb5_d329_728e_a185);
    (mixed ^ mixed >> 27).wrapping_mul(0x81da_def4_bc2d_d44d) >> 1
}

/// Round after round of samples; how each was answered.
async fn write(server: &Server, round: i64) -> u16 {
    let body = (0..SERIES).map(|number| {
        let samples = (0..SAMPLES).map(|step| {
            let timestamp = 1_700_000_000_000 + (round * SAMPLES + step) * 1000;
            (timestamp, bits(number, timestamp))
        });
        let samples: Vec<_> = samples.collect();
        series(
            &[("__name__", "load"), ("number", &number.to_string())],
            &samples,
        )
    });
    let answer = write_request(&server.api, write_body(body.collect())).await;
    let answer = answer.expect("the server answers");
    assert!([204, 503].contains(&answer.status), "{}", answer.text());
    answer.status
}

async fn check(server: &Server, acked: &[i64]) {
    let found = exported(server, "load").await;
    assert_eq!(found.len(), SERIES as usize);
    for (labels, samples) in found {
        let number = labels
            .split('"')
            .nth(1)
            .and_then(|number| number.parse().ok());
        let number: i64 = number.expect("a number");
        for round in acked {
            for step in 0..SAMPLES {
                let timestamp = 1_700_000_000_000 + (round * SAMPLES + step) * 1000;
                let at = samples.binary_search_by_key(&timestamp, |sample| sample.0);
                let found = at.ok().map(|at| samples[at].1);
                assert_eq!(
                    found,
                    Some(bits(number, timestamp)),
                    "{labels} in round {round}"
                );
            }
        }
    }
}

fn start(data: &Path) -> Server {
    Server::start(data, &["--log-cap", "512KiB", "--disk-high-water", "100"])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_stops_acks_and_recovers() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("nothing may be mounted here: the fault-injecting file system alone tests this");
        return;
    };
    disk.fill(FILLER_MIB);
    let mut server = start(&disk.data());
    let (mut acked, mut round) = (Vec::new(), 0);
    let mut refused_in_a_row = 0;
    while refused_in_a_row < 20 {
        match write(&server, round).await {
            204 => {
                acked.push(round);
                refused_in_a_row = 0;
            }
            _ => refused_in_a_row += 1,
        }
        round += 1;
        assert!(round < 2_000, "{} rounds of {round} fit", acked.len());
    }
    let before = acked.len();
    assert!(
        before > 10,
        "only {before} rounds were acked before the disk was full"
    );
    // It still reads, and says on /metrics that it is alive.
    check(&server, &acked).await;
    assert_eq!(get(&server.metrics).await.status, 200);
    // Killed on a full disk, it comes back with all it acked.
    server.process.kill();
    let server = start(&disk.data());
    check(&server, &acked).await;

    std::fs::remove_file(disk.filler()).expect("the filler");
    let next = AtomicI64::new(round);
    let stored = wait_for("an ack once there is room", 60, async || {
        let round = next.fetch_add(1, Ordering::Relaxed) + 1;
        (write(&server, round).await == 204).then_some(round)
    })
    .await;
    acked.push(stored);
    round = next.into_inner();
    for _ in 0..20 {
        round += 1;
        if write(&server, round).await == 204 {
            acked.push(round);
        }
    }
    assert!(
        acked.len() > before + 10,
        "{} rounds acked in all",
        acked.len()
    );
    check(&server, &acked).await;
    drop(server);
    check(&start(&disk.data()), &acked).await;
}

/// A part of a text, of samples that take room.
fn part(round: i64) -> String {
    let mut text = String::new();
    for step in 0..150 {
        for number in 0..SERIES {
            let timestamp = 1_700_000_000_000 + (round * 150 + step) * 1000;
            let value = f64::from_bits(bits(number, timestamp) >> 2);
            writeln!(text, "load{{number=\"{number}\"}} {value:e} {timestamp}").expect("a String");
        }
    }
    text
}

async fn send(stream: &mut (impl AsyncWriteExt + Unpin), piece: &str) {
    let chunk = format!("{:x}\r\n{piece}\r\n", piece.len());
    stream.write_all(chunk.as_bytes()).await.expect("it reads");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_was_begun_outlasts_a_full_disk() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("nothing may be mounted here");
        return;
    };
    let server = start(&disk.data());
    let address = server.api.strip_prefix("http://").expect("a URL");
    let stream = TcpStream::connect(address).await.expect("a connection");
    let (mut answers, mut stream) = stream.into_split();
    let head = "POST /api/v1/import/prometheus HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.expect("it reads");
    send(&mut stream, &part(0)).await;
    let imported = || async {
        let stored = server.metric("tsdb_samples_stored_total{source=\"import\"}");
        (stored.await > 0.0).then_some(())
    };
    wait_for("the first part", 30, imported).await;

    // As much as there is room for.
    let mut filler = std::fs::File::create(disk.filler()).expect("a filler");
    let block = vec![1; 64 << 10];
    while std::io::Write::write_all(&mut filler, &block).is_ok() {}
    drop(filler);
    // Waits when the server reads no more.
    let enough = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&enough);
    let sender = tokio::spawn(async move {
        let mut round = 1;
        while !stop.load(Ordering::Relaxed) {
            send(&mut stream, &part(round)).await;
            round += 1;
        }
        stream.write_all(b"0\r\n\r\n").await.expect("it reads");
        (round, stream)
    });
    let refused = || async {
        let answer = get(&format!("{}/ready", server.api)).await;
        (answer.status == 503).then_some(())
    };
    wait_for("a part that is turned away", 60, refused).await;
    enough.store(true, Ordering::Relaxed);
    std::fs::remove_file(disk.filler()).expect("the filler goes");

    // Closing its half would tell the server that nobody waits.
    let (round, _open) = sender.await.expect("all is sent");
    let mut answer = String::new();
    let read = answers.read_to_string(&mut answer).await;
    read.expect("an answer");
    assert!(
        answer.starts_with("HTTP/1.1 200"),
        "{answer}\n{}",
        server.process.log()
    );
    let count = round * 150 * SERIES;
    assert!(answer.contains(&format!("\"stored\":{count},")), "{answer}");
    let found = exported(&server, "load").await;
    assert_eq!(found.len(), SERIES as usize);
    for (labels, samples) in found {
        assert_eq!(samples.len() as i64, round * 150, "{labels}");
    }
}
