//! Profiles that `go tool pprof` reads.

use std::path::Path;
use std::process::Command;

use crate::support::{Server, free_port, get, post, program};

fn start(folder: &tempfile::TempDir) -> (Server, String) {
    let address = format!("127.0.0.1:{}", free_port());
    let server = Server::start(folder.path(), &["--debug-listen", &address]);
    (server, format!("http://{address}"))
}

/// What `go tool pprof -raw` says of a file.
fn read(go: &Path, file: &Path) -> String {
    let output = Command::new(go)
        .args(["tool", "pprof", "-raw"])
        .arg(file)
        .output()
        .expect("go runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}{error}");
    text
}

#[tokio::test]
async fn a_cpu_profile_names_the_functions_that_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let (server, debug) = start(&folder);
    let go = program("go", "golang-go");
    let file = folder.path().join("cpu.pprof");
    // Where others keep the processors busy, few moments are seen.
    for _ in 0..10 {
        let profile = profile_of_work(&server, &debug).await;
        let Some(go) = &go else {
            return;
        };
        std::fs::write(&file, &profile).expect("a file");
        let text = read(go, &file);
        assert!(text.contains("samples/count cpu/nanoseconds"), "{text}");
        if text.contains("tsdb_server::") && text.contains("thread:[store-") {
            return;
        }
    }
    panic!("no function of the server was seen in ten profiles");
}

/// A profile of a server that has work; another asked for at the same time is refused.
async fn profile_of_work(server: &Server, debug: &str) -> Vec<u8> {
    let url = format!("{debug}/debug/pprof/profile?seconds=2");
    let ask = |url: String| tokio::spawn(async move { get(&url).await });
    let asked = [ask(url.clone()), ask(url)];
    // Work to be seen, until the profile is there.
    let line = r#"{"metric":{"__name__":"up"},"values":[1],"timestamps":[1000]}"#;
    let lines = vec![line; 5000].join("\n");
    let import = format!("{}/api/v1/import", server.api);
    while !asked.iter().all(tokio::task::JoinHandle::is_finished) {
        assert_eq!(post(&import, &[], lines.clone()).await.status, 200);
    }
    let mut answers = Vec::new();
    for asked in asked {
        answers.push(asked.await.expect("a request"));
    }
    answers.sort_by_key(|answer| answer.status);
    let [profile, refused] = <[_; 2]>::try_from(answers).expect("two answers");
    assert_eq!(profile.status, 200, "{}", profile.text());
    assert_eq!(refused.status, 409, "{}", refused.text());
    let text = refused.text();
    assert!(text.contains("being taken already"), "{text}");
    profile.body.to_vec()
}

#[tokio::test]
async fn the_other_pages_answer() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, debug) = start(&folder);
    for (path, status, text) in [
        ("/metrics", 200, "tsdb_build_info"),
        ("/debug/pprof/", 200, "profile?seconds=30"),
        ("/debug/pprof/cmdline", 200, "\0--debug-listen\0"),
        ("/debug/pprof/symbol", 200, "num_symbols: 1"),
        ("/debug/pprof/profile?seconds=0", 400, "from 1 to 300"),
        ("/debug/pprof/profile?seconds=301", 400, "from 1 to 300"),
        ("/debug/pprof/profile?seconds=x", 400, "from 1 to 300"),
    ] {
        let answer = get(&format!("{debug}{path}")).await;
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.text().contains(text), "{path}: {}", answer.text());
    }
}

/// Lines of so many series of their own.
fn series(of: usize, count: usize) -> String {
    let line = |number| {
        format!(
            r#"{{"metric":{{"__name__":"up","of":"{of}","number":"{number}"}},"values":[1],"timestamps":[1000]}}"#
        )
    };
    let lines: Vec<_> = (0..count).map(line).collect();
    lines.join("\n")
}

/// A build with the feature `heap-profile` takes one, others say how to get there.
#[tokio::test]
async fn a_heap_profile_is_taken_or_told_how_to_be() {
    let folder = tempfile::tempdir().expect("a folder");
    let (server, debug) = start(&folder);
    // One of many allocations is looked at: some must be there.
    let import = format!("{}/api/v1/import", server.api);
    for number in 0..20 {
        let lines = series(number, 2000);
        assert_eq!(post(&import, &[], lines).await.status, 200);
    }
    let heap = get(&format!("{debug}/debug/pprof/heap")).await;
    if !cfg!(feature = "heap-profile") {
        assert_eq!(heap.status, 501);
        assert!(
            heap.text().contains("--features heap-profile"),
            "{}",
            heap.text()
        );
        return;
    }
    assert_eq!(heap.status, 200, "{}", heap.text());
    let Some(go) = program("go", "golang-go") else {
        return;
    };
    let file = folder.path().join("heap.pprof");
    std::fs::write(&file, &heap.body).expect("a file");
    let text = read(&go, &file);
    assert!(text.contains("inuse_space/bytes"), "{text}");
    assert!(text.contains("tsdb_server::"), "{text}");
}
