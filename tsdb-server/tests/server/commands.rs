//! The routes below `/api/v1/admin`, and the commands beside serving.

use std::path::Path;
use std::process::{Command, Output};

use rustix::process::Signal;

use crate::support::{Server, get, json, post, post_form};

const WITHIN: std::time::Duration = std::time::Duration::from_secs(30);

fn command(arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_tsdb-server");
    Command::new(program)
        .args(arguments)
        .output()
        .expect("it starts")
}

/// Runs a command on a folder; what it printed. Nothing may be on stderr: that is no terminal.
fn quiet(arguments: &[&str], folder: &Path, code: i32) -> String {
    let data_dir = ["--data-dir", folder.to_str().expect("a path")];
    let output = command(&[arguments, &data_dir].concat());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
    if code == 0 || code == 3 {
        assert_eq!(stderr, "");
    }
    String::from_utf8_lossy(&output.stdout).into_owned() + &stderr
}

async fn import(server: &Server, lines: &str) {
    let answer = post(
        &format!("{}/api/v1/import", server.api),
        &[],
        lines.to_owned(),
    )
    .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

async fn filled(folder: &Path, more: &[&str]) -> Server {
    let server = Server::start(folder, more);
    let lines = ["a", "b", "c"].map(|job| {
        format!(r#"{{"metric":{{"__name__":"up","job":"{job}"}},"values":[1,2],"timestamps":[1000,2000]}}"#)
    });
    import(&server, &lines.join("\n")).await;
    server
}

/// What an export shows: one line a series.
async fn export(server: &Server) -> Vec<String> {
    let answer = get(&format!("{}/api/v1/export?match[]=up", server.api)).await;
    answer.text().lines().map(str::to_owned).collect()
}

async fn stop(mut server: Server) {
    server.process.signal(Signal::TERM);
    assert!(server.process.ended(WITHIN).await.success());
}

#[tokio::test]
async fn admin_routes_are_off_by_default() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = filled(folder.path(), &[]).await;
    for route in [
        "tsdb/delete_series?match[]=up",
        "tsdb/delete_series",
        "tsdb/snapshot",
        "tsdb/clean_tombstones",
        "compact",
        "confirm-clock",
    ] {
        let answer = post(&format!("{}/api/v1/admin/{route}", server.api), &[], "").await;
        let body: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
        let wanted = serde_json::json!({
            "status": "error", "errorType": "unavailable", "error": "admin APIs disabled",
        });
        assert_eq!((answer.status, body), (503, wanted), "{route}");
        assert!(answer.headers.get("retry-after").is_none());
    }
    assert_eq!(export(&server).await.len(), 3);
}

#[tokio::test]
async fn deletes_snapshots_and_compaction_over_http() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = filled(folder.path(), &["--enable-admin-api"]).await;
    let admin = format!("{}/api/v1/admin", server.api);
    let delete = format!("{admin}/tsdb/delete_series");
    let answer = post(&delete, &[], "").await;
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("no match[] parameter provided"));
    let answer = post(&format!("{delete}?match[]={{}}"), &[], "").await;
    assert!(
        answer.text().contains("at least one non-empty matcher"),
        "{}",
        answer.text()
    );
    assert_eq!(export(&server).await.len(), 3);

    let made = post(&format!("{admin}/tsdb/snapshot"), &[], "").await;
    let made: serde_json::Value = serde_json::from_slice(&made.body).expect("JSON");
    let name = made["data"]["name"].as_str().expect("a name").to_owned();
    let answer = post(&format!("{admin}/tsdb/snapshot?skip_head=maybe"), &[], "").await;
    assert_eq!(answer.status, 400);

    let answer = post_form(&delete, "match[]=up{job=\"a\"}&match[]={job=\"b\"}&end=1.5").await;
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    let left = [
        r#"{"metric":{"__name__":"up","job":"a"},"values":[2],"timestamps":[2000]}"#,
        r#"{"metric":{"__name__":"up","job":"b"},"values":[2],"timestamps":[2000]}"#,
        r#"{"metric":{"__name__":"up","job":"c"},"values":[1,2],"timestamps":[1000,2000]}"#,
    ];
    assert_eq!(export(&server).await, left);
    // An ack holds through a kill, and what is written afterwards is seen.
    server.process.kill();
    let server = Server::start(folder.path(), &["--enable-admin-api"]);
    assert_eq!(export(&server).await, left);
    let again = r#"{"metric":{"__name__":"up","job":"a"},"values":[0.5],"timestamps":[1000]}"#;
    import(&server, again).await;
    let admin = format!("{}/api/v1/admin", server.api);
    for route in ["compact", "confirm-clock", "tsdb/clean_tombstones"] {
        assert_eq!(
            post(&format!("{admin}/{route}"), &[], "").await.status,
            204,
            "{route}"
        );
    }
    let after = export(&server).await;
    assert_eq!(
        after[0],
        r#"{"metric":{"__name__":"up","job":"a"},"values":[0.5,2],"timestamps":[1000,2000]}"#
    );
    assert_eq!(after[1..], left[1..]);
    // The snapshot is of before, whole, and a folder to serve from.
    let snapshot = folder.path().join("snapshots").join(name);
    assert!(quiet(&["verify"], &snapshot, 0).contains("damaged files: 0"));
    let older = Server::start(&snapshot, &[]);
    assert_eq!(
        json(&format!("{}/api/v1/series?match[]=up", older.api)).await["data"]
            .as_array()
            .map(Vec::len),
        Some(3)
    );
    assert_eq!(export(&older).await[2], left[2]);
    assert!(export(&older).await[0].contains("[1000,2000]"));
}

#[tokio::test]
async fn commands_work_on_a_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    for name in ["verify", "compact"] {
        assert!(
            quiet(&[name], path, 1).contains("holds no database"),
            "{name}"
        );
    }
    assert_eq!(std::fs::read_dir(path).expect("a folder").count(), 0);
    let server = filled(path, &[]).await;
    assert!(quiet(&["compact"], path, 1).contains("in use by another"));
    stop(server).await;
    assert!(quiet(&["verify"], path, 0).contains("damaged files: 0"));
    let selector = "up{job=~\"a|b\"}";
    let said = quiet(&["delete", "--match", selector, "--start", "2"], path, 0);
    assert_eq!(said, format!("{selector}: samples of 2 series deleted\n"));
    let wrong = [
        (["--match", "up{", "--start", "1"], "--match"),
        (["--match", "{}", "--start", "1"], "non-empty"),
        (["--match", "up", "--start", "soon"], "--start \"soon\""),
        (["--match", "up", "--end", "-soon"], "--end"),
    ];
    for (arguments, text) in wrong {
        let said = quiet(&[&["delete"][..], &arguments].concat(), path, 1);
        assert!(said.contains(text), "{said}");
    }
    assert_eq!(command(&["delete"]).status.code(), Some(2));
    quiet(&["compact"], path, 0);
    let said = quiet(&["verify"], path, 0);
    assert!(said.contains("4 in blocks"), "{said}");

    // A block with a flipped bit is named, with its place, and nothing is changed.
    let blocks = path.join("default/blocks");
    let block = std::fs::read_dir(blocks)
        .expect("blocks")
        .next()
        .expect("one")
        .expect("it")
        .path();
    let mut bytes = std::fs::read(&block).expect("a block");
    bytes[100] ^= 4;
    std::fs::write(&block, &bytes).expect("damage");
    let said = quiet(&["verify"], path, 3);
    assert!(
        said.contains(".block: ") && said.contains("damaged files: 1"),
        "{said}"
    );
    assert_eq!(std::fs::read(&block).expect("a block"), bytes);
}

/// A folder with two damaged files does not open: both are named, and what is salvaged of it
/// serves.
#[tokio::test]
async fn a_damaged_folder_is_salvaged() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("data");
    let server = filled(&path, &[]).await;
    let before = export(&server).await;
    stop(server).await;
    quiet(&["compact"], &path, 0);
    let text = |path: &Path| path.to_str().expect("a path").to_owned();
    let target = text(&folder.path().join("salvaged"));
    let said = quiet(&["verify", "--salvage", "--to", &target], &path, 0);
    assert!(said.contains("nothing is damaged"), "{said}");
    assert_eq!(std::fs::read_dir(&target).ok().map(Iterator::count), None);

    let blocks = std::fs::read_dir(path.join("default/blocks")).expect("blocks");
    let block = blocks.flatten().next().expect("one").path();
    let mut bytes = std::fs::read(&block).expect("a block");
    // Labels are in the series file, too: this costs nothing.
    let labels = bytes.len() - 28 - 152 - 20;
    bytes[labels] ^= 4;
    std::fs::write(&block, &bytes).expect("damage");
    std::fs::write(path.join("default/MANIFEST"), b"tsdb-man").expect("damage");
    let said = quiet(&["verify"], &path, 3);
    for named in ["default/MANIFEST", ".block ", "gives up nothing"] {
        assert!(said.contains(named), "{named}: {said}");
    }
    let told = quiet(&["verify", "--json"], &path, 3);
    let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    assert!(
        told["damage"].as_array().is_some_and(|all| all.len() >= 3),
        "{told}"
    );
    for wrong in [&["--salvage"][..], &["--in-place"], &["--to", &target]] {
        let code = command(&[&["verify"][..], wrong].concat()).status.code();
        assert_eq!(code, Some(2), "{wrong:?}");
    }

    let said = quiet(&["verify", "--salvage", "--to", &target], &path, 3);
    assert!(
        said.contains("samples given up: 0") && said.contains("written anew"),
        "{said}"
    );
    let said = quiet(&["verify", "--salvage", "--to", &target], &path, 1);
    assert!(said.contains("must be empty"), "{said}");
    assert!(quiet(&["verify"], Path::new(&target), 0).contains("damaged files: 0"));
    let server = Server::start(Path::new(&target), &[]);
    assert_eq!(export(&server).await, before);
    stop(server).await;

    let said = quiet(&["verify", "--salvage", "--in-place"], &path, 3);
    assert!(said.contains("samples given up: 0"), "{said}");
    assert!(path.join("lost-1/default/MANIFEST").exists());
    let server = Server::start(&path, &[]);
    assert_eq!(export(&server).await, before);
    stop(server).await;
}

#[tokio::test]
async fn commands_ask_a_running_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = filled(folder.path(), &["--enable-admin-api"]).await;
    let run = |arguments: Vec<String>| {
        tokio::task::spawn_blocking(move || {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            command(&arguments)
        })
    };
    let url = server.api.clone();
    let delete = ["delete", "--match", "up{job=\"a\"}", "--url", &url].map(str::to_owned);
    let done = run(delete.to_vec()).await.expect("it runs");
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    assert_eq!(export(&server).await.len(), 2);
    let done = run(["compact", "--url", &url].map(str::to_owned).to_vec()).await;
    assert!(done.expect("it runs").status.success());
    stop(server).await;
    let refused = run(delete.to_vec()).await.expect("it runs");
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains(&url));
}
