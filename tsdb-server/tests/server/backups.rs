//! Backups of a server that is written to, and what is restored of them.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::support::{Server, get, post};

fn command(arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_tsdb-server");
    let output = Command::new(program).args(arguments).output();
    output.expect("it starts")
}

/// Runs a command beside the server's own work; what it printed.
async fn run(arguments: &[&str], code: i32) -> String {
    let arguments: Vec<String> = arguments.iter().map(|one| (*one).to_owned()).collect();
    let done = tokio::task::spawn_blocking(move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        (command(&arguments), arguments.join(" "))
    });
    let (output, line) = done.await.expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{line}: {said}");
    said
}

fn line(number: u64) -> String {
    format!(
        r#"{{"metric":{{"__name__":"load","part":"{}"}},"values":[{number}.25],"timestamps":[{}]}}"#,
        number % 7,
        1_000_000 + number * 1000
    )
}

/// Writes samples one after the other until told to stop; how many were acked.
struct Load {
    acked: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<()>,
}

impl Load {
    fn start(server: &Server, from: u64) -> Self {
        let (acked, stop) = (
            Arc::new(AtomicU64::new(from)),
            Arc::new(AtomicBool::new(false)),
        );
        let url = format!("{}/api/v1/import", server.api);
        let (count, ended) = (Arc::clone(&acked), Arc::clone(&stop));
        let task = tokio::spawn(async move {
            while !ended.load(Ordering::Acquire) {
                let number = count.load(Ordering::Acquire);
                assert_eq!(post(&url, &[], line(number)).await.status, 200);
                count.store(number + 1, Ordering::Release);
            }
        });
        Self { acked, stop, task }
    }

    fn acked(&self) -> u64 {
        self.acked.load(Ordering::Acquire)
    }

    /// Waits until so many more are acked.
    async fn more(&self, count: u64) -> u64 {
        let wanted = self.acked() + count;
        while self.acked() < wanted {
            tokio::task::yield_now().await;
        }
        self.acked()
    }

    async fn end(self) -> u64 {
        self.stop.store(true, Ordering::Release);
        self.task.await.expect("every write was acked");
        self.acked.load(Ordering::Acquire)
    }
}

/// How many of the samples are there: those from the first on, without a gap.
async fn samples(server: &Server) -> u64 {
    let answer = get(&format!("{}/api/v1/export?match[]=load", server.api)).await;
    let mut found = std::collections::BTreeMap::new();
    for line in answer.text().lines() {
        let series: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let times = series["timestamps"].as_array().expect("times").iter();
        let values = series["values"].as_array().expect("values").iter();
        found.extend(times.zip(values).map(|(t, v)| (t.as_i64(), v.as_f64())));
    }
    for (number, (time, value)) in (0u32..).zip(&found) {
        assert_eq!(*time, Some(1_000_000 + i64::from(number) * 1000));
        assert_eq!(*value, Some(f64::from(number) + 0.25));
    }
    found.len() as u64
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backups_of_a_server_under_load_are_restored() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, kept) = (folder.path().join("data"), folder.path().join("backups"));
    let restored = folder.path().join("restored");
    let mut server = Server::start(&data, &["--enable-admin-api"]);
    let url = server.api.clone();
    let load = Load::start(&server, 0);
    let first_least = load.more(50).await;
    let take = |name| {
        let arguments = [
            "backup",
            "--url",
            &url,
            "--data-dir",
            path(&data),
            "--to",
            path(&kept),
        ];
        [&arguments[..], &["--name", name]].concat()
    };
    let said = run(&take("first"), 0).await;
    assert!(
        said.starts_with("first: ") && said.contains("copied: "),
        "{said}"
    );
    let first_most = load.acked() + 1;
    let second_least = load.more(50).await;
    run(&take("second"), 0).await;
    let second_most = load.acked() + 1;
    load.more(20).await;
    let all = load.end().await;
    server.process.kill();
    // Each snapshot went with its backup.
    let snapshots = std::fs::read_dir(data.join("snapshots")).expect("a folder");
    assert_eq!(snapshots.count(), 0);

    let bounds = [
        ("first", first_least, first_most),
        ("second", second_least, second_most),
    ];
    named_ones_are_restored(&kept, &restored, &bounds).await;
    the_newest_is_restored((&data, &kept, &restored), all).await;
    damage_is_found(&kept, &restored).await;
}

/// Each backup holds what was acked before it, and nothing that was written behind it.
async fn named_ones_are_restored(kept: &Path, restored: &Path, bounds: &[(&str, u64, u64)]) {
    let elsewhere = restored.join("elsewhere");
    let missing = ["backup", "--data-dir", path(&elsewhere), "--to", path(kept)];
    assert!(run(&missing, 1).await.contains("holds no database"));
    let listed = run(&["backup", "--list", "--to", path(kept)], 0).await;
    let names: Vec<&str> = listed
        .lines()
        .filter_map(|line| line.split(':').next())
        .collect();
    assert_eq!(names, ["first", "second"]);
    for (name, least, most) in bounds {
        let to = restored.join(name);
        let restore = [
            "restore",
            "--from",
            path(kept),
            "--backup",
            name,
            "--data-dir",
            path(&to),
        ];
        run(&restore, 0).await;
        assert!(run(&restore, 1).await.contains("must be empty"));
        let server = Server::start(&to, &[]);
        let found = samples(&server).await;
        assert!(
            (least..=most).contains(&&found),
            "{name}: {found}, not {least} to {most}"
        );
    }
}

/// Of the folder that was killed, with its log.
async fn the_newest_is_restored((data, kept, restored): (&Path, &Path, &Path), all: u64) {
    let third = [
        "backup",
        "--data-dir",
        path(data),
        "--to",
        path(kept),
        "--keep",
        "2",
    ];
    let said = run(&third, 0).await;
    assert!(said.contains("first: removed"), "{said}");
    let to = restored.join("newest");
    run(
        &["restore", "--from", path(kept), "--data-dir", path(&to)],
        0,
    )
    .await;
    let server = Server::start(&to, &[]);
    assert_eq!(samples(&server).await, all);
}

async fn damage_is_found(kept: &Path, restored: &Path) {
    let check = ["backup", "--check", "--to", path(kept)];
    assert!(run(&check, 0).await.contains("damaged files: 0"));
    let format = kept.join("files/FORMAT");
    let object = std::fs::read_dir(format).expect("objects").flatten().next();
    let object = object.expect("one").path();
    let mut bytes = std::fs::read(&object).expect("an object");
    bytes[14] ^= 1;
    std::fs::write(&object, bytes).expect("damage");
    assert!(run(&check, 3).await.contains("files/FORMAT/"));
    let to = restored.join("damaged");
    let refused = ["restore", "--from", path(kept), "--data-dir", path(&to)];
    assert!(run(&refused, 1).await.contains("restore another backup"));
}
