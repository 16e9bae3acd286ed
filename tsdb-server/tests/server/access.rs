//! Who may do what: passwords, tokens, scopes, and headers of those who mean no good.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine as _;
use http::Method;
use rustix::process::Signal;

use crate::support::{Answer, Server, basic, get, program, request, series, wait_for, write_body};

const READER: &str = "reader-token-0123456789";
const WRITER: &str = "writer-token-0123456789";

/// A line of `htpasswd -B`: a user with the hash of a password.
fn htpasswd(user: &str, password: &str, cost: u8) -> Option<String> {
    let htpasswd = program("htpasswd", "apache2-utils")?;
    let output = Command::new(htpasswd)
        .args(["-nbB", "-C", &cost.to_string(), user, password])
        .output()
        .expect("it starts");
    let line = String::from_utf8(output.stdout).expect("ASCII");
    let (user, hash) = line.trim().split_once(':').expect("a pair");
    Some(format!("{user}: {hash}"))
}

/// A file with two users and two tokens.
fn web_config(folder: &Path) -> Option<PathBuf> {
    for (name, token) in [("reader", READER), ("writer", WRITER)] {
        std::fs::write(folder.join(name), format!("{token}\n")).expect("writing");
    }
    let users = [
        htpasswd("alice", "right horse: battery", 5)?,
        htpasswd("bob", "other", 7)?,
    ];
    let text = format!(
        "basic_auth_users:\n  {}\n  {}\n\
         access:\n  users:\n    bob: {{scopes: [read, write]}}\n  bearer_tokens:\n\
         \x20   - {{name: reads, token_file: reader, scopes: [read]}}\n\
         \x20   - {{name: writes, token_file: writer, scopes: [write]}}\n",
        users[0], users[1]
    );
    let file = folder.join("web.yml");
    std::fs::write(&file, text).expect("writing");
    Some(file)
}

struct Guarded {
    server: Server,
    file: PathBuf,
    _folder: tempfile::TempDir,
}

fn guarded(more: &[&str]) -> Option<Guarded> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = web_config(folder.path())?;
    let path = file.to_str().expect("a path");
    let arguments = [&["--web-config-file", path], more].concat();
    let server = Server::start(&folder.path().join("data"), &arguments);
    Some(Guarded {
        server,
        file,
        _folder: folder,
    })
}

async fn ask(server: &Server, method: Method, path: &str, authorization: &str) -> Answer {
    let headers: &[_] = match authorization {
        "" => &[],
        authorization => &[("authorization", authorization)],
    };
    let url = match path.strip_prefix("metrics:") {
        Some(path) => server.metrics.replace("/metrics", path),
        None => format!("{}{path}", server.api),
    };
    let answer = request(method, &url, headers, "").await;
    answer.unwrap_or_else(|error| panic!("{path}: {error}"))
}

async fn write(server: &Server, authorization: &str) -> Answer {
    let body = write_body(vec![series(
        &[("__name__", "up")],
        &[(1_700_000_000_000, 0)],
    )]);
    let headers = [
        ("content-type", "application/x-protobuf"),
        ("content-encoding", "snappy"),
        ("x-prometheus-remote-write-version", "0.1.0"),
        ("authorization", authorization),
    ];
    let url = format!("{}/api/v1/write", server.api);
    let answer = request(Method::POST, &url, &headers, body).await;
    answer.expect("an answer")
}

#[tokio::test]
async fn users_and_tokens_are_known_and_may_what_their_scopes_say() {
    let Some(Guarded {
        server, _folder, ..
    }) = guarded(&["--enable-admin-api"])
    else {
        return;
    };
    let alice = basic("alice", "right horse: battery");
    let bob = basic("bob", "other");
    let (reader, writer) = (format!("Bearer {READER}"), format!("bearer {WRITER}"));
    for known in [&alice, &bob, &writer] {
        let answer = write(&server, known).await;
        assert_eq!(answer.status, 204, "{known}: {}", answer.text());
    }
    for known in [&alice, &bob, &reader] {
        for path in ["/api/v1/labels", "/", "metrics:/metrics"] {
            let answer = ask(&server, Method::GET, path, known).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        }
        let answer = ask(&server, Method::POST, "/api/v1/labels", known).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let compact = "/api/v1/admin/compact";
    assert_eq!(
        ask(&server, Method::POST, compact, &alice).await.status,
        204
    );
    let forbidden = [
        (
            Method::POST,
            "/api/v1/write",
            &reader,
            "reads has no scope write",
        ),
        (
            Method::POST,
            "/api/v1/import",
            &reader,
            "reads has no scope write",
        ),
        (
            Method::GET,
            "/api/v1/labels",
            &writer,
            "writes has no scope read",
        ),
        (
            Method::POST,
            "/api/v1/read",
            &writer,
            "writes has no scope read",
        ),
        (
            Method::GET,
            "metrics:/metrics",
            &writer,
            "writes has no scope read",
        ),
        (Method::POST, compact, &bob, "bob has no scope admin"),
        (Method::POST, compact, &writer, "writes has no scope admin"),
    ];
    for (method, path, who, expected) in forbidden {
        let answer = ask(&server, method, path, who).await;
        assert_eq!(answer.status, 403, "{path}: {}", answer.text());
        assert!(answer.text().starts_with(expected), "{}", answer.text());
    }
}

#[tokio::test]
async fn who_is_not_known_gets_no_further_than_the_probes() {
    let Some(Guarded {
        server, _folder, ..
    }) = guarded(&[])
    else {
        return;
    };
    let unknown = [
        String::new(),
        basic("alice", "wrong"),
        basic("alice", ""),
        basic("alice", "right horse"),
        basic("ALICE", "right horse: battery"),
        basic("mallory", "right horse: battery"),
        basic("", ""),
        "Bearer 0123456789abcdef".to_owned(),
        format!("Bearer {}", READER.to_uppercase()),
    ];
    for authorization in &unknown {
        for path in ["/api/v1/labels", "/", "/nothing/here", "metrics:/metrics"] {
            let answer = ask(&server, Method::GET, path, authorization).await;
            assert_eq!(answer.status, 401, "{path} {authorization}");
            let schemes = answer.headers.get_all("www-authenticate").iter();
            let schemes: Vec<_> = schemes
                .map(|scheme| scheme.to_str().expect("text"))
                .collect();
            assert_eq!(
                schemes,
                [
                    "Basic realm=\"tsdb-server\", charset=\"UTF-8\"",
                    "Bearer realm=\"tsdb-server\""
                ]
            );
        }
        assert_eq!(
            write(&server, authorization).await.status,
            if authorization.is_empty() { 400 } else { 401 }
        );
    }
    for probe in [
        "/health",
        "/ready",
        "/-/healthy",
        "/-/ready",
        "metrics:/-/healthy",
    ] {
        assert_eq!(
            ask(&server, Method::GET, probe, "").await.status,
            200,
            "{probe}"
        );
    }
    let reads = format!("Bearer {READER}");
    let metrics = ask(&server, Method::GET, "metrics:/metrics", &reads)
        .await
        .text();
    assert!(
        metrics.contains("tsdb_requests_refused_total{reason=\"missing\"} 4"),
        "{metrics}"
    );
    // Nothing was stored.
    let labels = ask(&server, Method::GET, "/api/v1/labels", &reads).await;
    assert!(labels.text().contains("\"data\":[]"), "{}", labels.text());
}

#[tokio::test]
async fn probes_are_guarded_where_the_file_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(file) = web_config(folder.path()) else {
        return;
    };
    let text = std::fs::read_to_string(&file).expect("reading");
    let text = text.replace("access:\n", "access:\n  protect_probes: true\n");
    std::fs::write(&file, text).expect("writing");
    let node = format!("127.0.0.1:{}", crate::support::free_port());
    let arguments = [
        "--web-config-file",
        file.to_str().expect("a path"),
        "--node-listen",
        &node,
    ];
    let server = Server::start(&folder.path().join("data"), &arguments);
    for url in [
        format!("{}/ready", server.api),
        format!("http://{node}/bootstrapped"),
    ] {
        assert_eq!(get(&url).await.status, 401, "{url}");
        let reads = format!("Bearer {READER}");
        let answer = request(Method::GET, &url, &[("authorization", &reads)], "").await;
        assert_eq!(answer.expect("an answer").status, 200, "{url}");
    }
}

/// Sends bytes as they are; the first line of the answer and its text.
fn raw(server: &Server, head: &[u8]) -> String {
    let address = server.api.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("a limit");
    stream.write_all(head).expect("sending");
    let mut answer = Vec::new();
    // A reset after the answer is as good as an end.
    let _end = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn hostile_headers_are_refused_and_cost_nobody_anything() {
    let Some(Guarded {
        server, _folder, ..
    }) = guarded(&[])
    else {
        return;
    };
    let head = |lines: &[&[u8]]| {
        let mut head = b"GET /api/v1/labels HTTP/1.1\r\nHost: a\r\nConnection: close\r\n".to_vec();
        for line in lines {
            head.extend_from_slice(line);
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"\r\n");
        head
    };
    let header = |value: &[u8]| [b"Authorization: ".as_slice(), value].concat();
    let right = basic("alice", "right horse: battery");
    let right = header(right.as_bytes());
    let pair = |pair: &[u8]| {
        let text = base64::engine::general_purpose::STANDARD.encode(pair);
        header(format!("Basic {text}").as_bytes())
    };
    let cases: Vec<(Vec<u8>, &str, &str)> = vec![
        (head(&[&right]), "200", ""),
        (
            head(&[&right, &right]),
            "400",
            "there are several Authorization headers",
        ),
        (
            head(&[&header(&b"a".repeat(9000))]),
            "431",
            "has more than 8192 bytes",
        ),
        (head(&[&header(&b"a".repeat(2 << 20))]), "431", ""),
        (
            head(&[&header(b"Basic \xff\xfe")]),
            "400",
            "no printable ASCII",
        ),
        (
            head(&[&header("Bearer \u{e4}\u{f6}".as_bytes())]),
            "400",
            "no printable ASCII",
        ),
        (head(&[&header(b"Basic a\x01b")]), "400", ""),
        (
            head(&[&pair(b"alice\r\nX: y:pw")]),
            "400",
            "control characters",
        ),
        (head(&[&pair(b"alice:pw\0")]), "400", "control characters"),
        (
            head(&[&pair(b"\xff:pw")]),
            "400",
            "no base64 of user:password",
        ),
        (
            head(&[&pair(b"alice")]),
            "400",
            "no base64 of user:password",
        ),
        (
            head(&[&header(b"Basic ====")]),
            "400",
            "no base64 of user:password",
        ),
        (head(&[&header(b"Negotiate abc")]), "400", "neither"),
        (head(&[&header(b"")]), "400", "neither"),
    ];
    for (bytes, status, text) in cases {
        let shown = String::from_utf8_lossy(&bytes)
            .chars()
            .take(120)
            .collect::<String>();
        let answer = raw(&server, &bytes);
        let first = answer.lines().next().unwrap_or_default();
        assert!(first.contains(status), "{shown}\nis answered\n{answer}");
        assert!(answer.contains(text), "{shown}\nis answered\n{answer}");
    }
    assert_eq!(server.process.log().matches("panic").count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_wrong_passwords_do_not_stall_right_ones() {
    let folder = tempfile::tempdir().expect("a folder");
    // A check takes some 20 ms here.
    let (Some(alice), Some(bob)) = (htpasswd("alice", "right", 8), htpasswd("bob", "good", 8))
    else {
        return;
    };
    let file = folder.path().join("web.yml");
    std::fs::write(&file, format!("basic_auth_users:\n  {alice}\n  {bob}\n")).expect("writing");
    let arguments = ["--web-config-file", file.to_str().expect("a path")];
    let server = Server::start(&folder.path().join("data"), &arguments);
    let url = format!("{}/api/v1/labels", server.api);
    let right = basic("alice", "right");
    let first = request(Method::GET, &url, &[("authorization", &right)], "").await;
    assert_eq!(first.expect("an answer").status, 200);

    let began = Instant::now();
    let mut wrong = tokio::task::JoinSet::new();
    for number in 0..1000 {
        let url = url.clone();
        wrong.spawn(async move {
            let user = if number % 2 == 0 {
                "alice".to_owned()
            } else {
                format!("user-{number}")
            };
            let header = basic(&user, &format!("wrong-{number}"));
            let answer = request(Method::GET, &url, &[("authorization", &header)], "").await;
            answer.map(|answer| answer.status)
        });
    }
    wait_for("the flood", 20, async || {
        let header = [("authorization", right.as_str())];
        let answer = request(Method::GET, &server.metrics, &header, "")
            .await
            .ok()?;
        let refused = answer.text().lines().any(|line| {
            line.starts_with("tsdb_requests_refused_total{reason=\"busy\"}")
                && !line.ends_with(" 0")
        });
        refused.then_some(())
    })
    .await;
    // Known before: never behind the others. Not known before: behind those of its own lane only.
    let mut slowest = Duration::ZERO;
    for _ in 0..50 {
        let asked = Instant::now();
        let answer = request(Method::GET, &url, &[("authorization", &right)], "").await;
        assert_eq!(answer.expect("an answer").status, 200);
        slowest = slowest.max(asked.elapsed());
    }
    assert!(
        !wrong.is_empty() && slowest < Duration::from_secs(2),
        "{slowest:?}"
    );
    let mut refusals = std::collections::BTreeMap::new();
    while let Some(status) = wrong.join_next().await {
        let status = status.expect("no panic").expect("an answer");
        *refusals.entry(status).or_insert(0) += 1;
    }
    assert_eq!(refusals.values().sum::<u32>(), 1000);
    assert!(
        refusals.keys().all(|status| matches!(status, 401 | 503)),
        "{refusals:?}"
    );
    assert!(refusals[&401] >= 100, "{refusals:?}");
    let fresh = basic("bob", "good");
    let answer = request(Method::GET, &url, &[("authorization", &fresh)], "").await;
    assert_eq!(answer.expect("an answer").status, 200);
    eprintln!(
        "1000 wrong passwords: {refusals:?} in {:?}, slowest right one {slowest:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn a_body_that_is_not_read_does_not_hide_the_refusal() {
    let Some(Guarded {
        server, _folder, ..
    }) = guarded(&[])
    else {
        return;
    };
    let url = format!("{}/api/v1/write", server.api);
    let header = basic("alice", "wrong");
    for _ in 0..20 {
        let body = vec![b'a'; 4 << 20];
        let answer = request(Method::POST, &url, &[("authorization", &header)], body).await;
        assert_eq!(answer.expect("an answer, not a reset").status, 401);
    }
}

/// Everything that was secret, with the forms in which it travels.
fn secrets(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).expect("reading");
    let hashes = text.lines().filter_map(|line| line.split_once(": $"));
    let hashes = hashes.map(|(_, hash)| hash.to_owned());
    let passwords = ["right horse: battery", "wrong-guess", "other"];
    let passed = [
        basic("alice", "right horse: battery"),
        basic("alice", "wrong-guess"),
        basic("wrong-guess", "alice"),
    ];
    let passed = passed
        .iter()
        .map(|header| header.trim_start_matches("Basic ").to_owned());
    let plain = passwords
        .iter()
        .take(2)
        .chain(&[READER, WRITER, "guessed-token-0123456789"]);
    hashes
        .chain(passed)
        .chain(plain.map(|&text| text.to_owned()))
        .collect()
}

#[tokio::test]
async fn no_secret_is_ever_in_the_log_or_the_metrics() {
    let Some(Guarded {
        mut server,
        file,
        _folder,
    }) = guarded(&["--log", "trace"])
    else {
        return;
    };
    let said = [
        basic("alice", "right horse: battery"),
        basic("alice", "wrong-guess"),
        basic("wrong-guess", "alice"),
        format!("Bearer {READER}"),
        format!("Bearer {WRITER}"),
        "Bearer guessed-token-0123456789".to_owned(),
    ];
    for authorization in &said {
        ask(&server, Method::GET, "/api/v1/labels", authorization).await;
        write(&server, authorization).await;
        over_http2(&server, authorization).await;
    }
    // A reload, and one that fails: the file is shown by neither.
    let text = std::fs::read_to_string(&file).expect("reading");
    let broken = text.replace("reader, scopes", "reader, scoops");
    for text in [&broken, &text] {
        let before = server.process.log().matches("web-config file").count();
        std::fs::write(&file, text).expect("writing");
        server.process.signal(Signal::HUP);
        wait_for("a reload", 20, async || {
            (server.process.log().matches("web-config file").count() > before).then_some(())
        })
        .await;
    }
    let reads = format!("Bearer {READER}");
    let metrics = ask(&server, Method::GET, "metrics:/metrics", &reads)
        .await
        .text();
    server.process.signal(Signal::TERM);
    server.process.ended(Duration::from_secs(30)).await;
    let log = server.process.log();
    assert!(
        log.contains("TRACE") && log.contains("a request is refused"),
        "the log is not whole"
    );
    assert!(
        log.contains("unknown key access.bearer_tokens[0].scoops"),
        "{log}"
    );
    for secret in secrets(&file) {
        assert!(!log.contains(&secret), "the log has {secret}");
        assert!(!metrics.contains(&secret), "the metrics have {secret}");
    }
    let show = Command::new(env!("CARGO_BIN_EXE_tsdb-server"))
        .args(["config", "show", "--web-config-file"])
        .arg(&file)
        .output()
        .expect("it starts");
    let shown = String::from_utf8_lossy(&show.stdout).into_owned();
    assert!(shown.contains("web-config-file"), "{shown}");
    for secret in secrets(&file) {
        assert!(!shown.contains(&secret), "config show has {secret}");
    }
}

/// As plain HTTP/2 carries it, whose headers are packed.
async fn over_http2(server: &Server, authorization: &str) {
    let address = server.api.trim_start_matches("http://");
    let stream = tokio::net::TcpStream::connect(address)
        .await
        .expect("a connection");
    let stream = hyper_util::rt::TokioIo::new(stream);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, stream)
        .await
        .expect("HTTP/2");
    tokio::spawn(connection);
    let request = http::Request::get(format!("{}/api/v1/labels", server.api))
        .header("authorization", authorization)
        .body(http_body_util::Empty::<bytes::Bytes>::new())
        .expect("a request");
    let answer = sender.send_request(request).await.expect("an answer");
    assert_ne!(answer.status(), 400);
}

#[tokio::test]
async fn an_address_that_others_reach_without_protection_is_told_of_loudly() {
    let Some(guarded) = guarded(&[]) else {
        return;
    };
    assert!(
        !guarded.server.process.log().contains("WARN"),
        "{}",
        guarded.server.process.log()
    );
    let file = guarded.file.to_str().expect("a path");
    let folder = tempfile::tempdir().expect("a folder");
    let cases: [(&[&str], &str); 2] = [
        (
            &[],
            "NO AUTHENTICATION: other machines reach the node's JSON at 0.0.0.0:",
        ),
        (
            &["--web-config-file", file],
            "NO TLS: other machines reach the node's JSON at 0.0.0.0:",
        ),
    ];
    for (more, expected) in cases {
        let arguments = [&["--node-listen", "0.0.0.0:0"], more].concat();
        let server = Server::start(folder.path(), &arguments);
        wait_for("both warnings", 20, async || {
            let log = server.process.log();
            let logged = log
                .lines()
                .any(|line| line.contains("WARN") && line.contains(expected));
            let told = format!("WARNING: {expected}");
            (logged && log.contains(&told) && log.contains("(--node-listen)")).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn who_is_bound_to_a_tenant_reaches_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(file) = web_config(folder.path()) else {
        return;
    };
    let text = std::fs::read_to_string(&file).expect("reading");
    let text = text
        .replace(
            "reader, scopes: [read]",
            "reader, scopes: [read], tenants: [a]",
        )
        .replace(
            "writer, scopes: [write]",
            "writer, scopes: [write], tenants: [a, b]",
        );
    std::fs::write(&file, text).expect("writing");
    let settings = folder.path().join("tsdb.yml");
    let tenants = "tsdb:\n  tenants:\n    - {name: a}\n    - {name: b}\n    - {name: c}\n";
    std::fs::write(&settings, tenants).expect("writing");
    let path = |file: &Path| file.to_str().expect("a path").to_owned();
    let (file, settings) = (path(&file), path(&settings));
    let arguments = ["--web-config-file", &file, "--config", &settings];
    let server = Server::start(&folder.path().join("data"), &arguments);
    let (reader, writer) = (format!("Bearer {READER}"), format!("Bearer {WRITER}"));
    let line = r#"{"metric":{"__name__":"up"},"values":[1],"timestamps":[1700000000000]}"#;
    let send = async |tenant: &str, who: &str| {
        let url = format!("{}{tenant}/api/v1/import", server.api);
        let answer = request(Method::POST, &url, &[("authorization", who)], line).await;
        answer.expect("an answer")
    };
    let cases = [
        ("/tenant/a", &writer, 200, ""),
        ("/tenant/b", &writer, 200, ""),
        (
            "/tenant/c",
            &writer,
            403,
            "writes is bound to a, b, and the request is about c",
        ),
        (
            "",
            &writer,
            403,
            "writes is bound to a, b, and the request names no tenant",
        ),
        ("/tenant/a", &reader, 403, "reads has no scope write"),
        (
            "/tenant/a/tenant/b",
            &writer,
            403,
            "writes has no scope admin",
        ),
    ];
    for (tenant, who, status, text) in cases {
        let answer = send(tenant, who).await;
        assert_eq!(answer.status, status, "{tenant}: {}", answer.text());
        assert!(answer.text().contains(text), "{tenant}: {}", answer.text());
    }
    for (path, status) in [
        ("/tenant/a/api/v1/labels", 200),
        ("/tenant/b/api/v1/labels", 403),
        ("/api/v1/labels", 403),
        ("/tenant/a/api/v1/export?match[]=up", 200),
        ("/tenant/b/api/v1/export?match[]=up", 403),
    ] {
        let answer = ask(&server, Method::GET, path, &reader).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
    }
    // The header names a tenant as the path does.
    let url = format!("{}/api/v1/labels", server.api);
    for (tenant, status) in [("a", 200), ("b", 403)] {
        let headers = [
            ("authorization", reader.as_str()),
            ("x-scope-orgid", tenant),
        ];
        let answer = request(Method::GET, &url, &headers, "").await;
        assert_eq!(answer.expect("an answer").status, status, "{tenant}");
    }
    let body = write_body(vec![series(
        &[("__name__", "up")],
        &[(1_700_000_000_000, 0)],
    )]);
    for (tenant, status) in [("/tenant/b", 204), ("/tenant/c", 403), ("", 403)] {
        let headers = [
            ("content-type", "application/x-protobuf"),
            ("content-encoding", "snappy"),
            ("authorization", writer.as_str()),
        ];
        let url = format!("{}{tenant}/api/v1/write", server.api);
        let answer = request(Method::POST, &url, &headers, body.clone()).await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.status, status, "{tenant}: {}", answer.text());
    }
}

#[tokio::test]
async fn browsers_ask_without_credentials_whether_a_page_may_ask() {
    let origins = ["--web-cors-origin", "https://grafana\\.example"];
    let Some(Guarded {
        server, _folder, ..
    }) = guarded(&origins)
    else {
        return;
    };
    let preflight = async |origin: &str, path: &str| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "authorization"),
        ];
        let url = format!("{}{path}", server.api);
        let answer = request(Method::OPTIONS, &url, &headers, "").await;
        answer.expect("an answer")
    };
    let allowed = |answer: &Answer| {
        let origin = answer.headers.get("access-control-allow-origin");
        origin.map(|origin| origin.to_str().expect("text").to_owned())
    };
    let origin = "https://grafana.example";
    for path in ["/api/v1/query", "/api/v1/write", "/tenant/a/api/v1/query"] {
        let answer = preflight(origin, path).await;
        assert_eq!((answer.status, answer.text().as_str()), (204, ""), "{path}");
        assert_eq!(allowed(&answer).as_deref(), Some(origin), "{path}");
        let headers = &answer.headers["access-control-allow-headers"];
        assert_eq!(headers, "Accept, Authorization, Content-Type, Origin");
    }
    let other = preflight("https://evil.example", "/api/v1/query").await;
    assert_eq!((other.status, allowed(&other)), (204, None));
    assert_eq!(preflight(origin, "/search").await.status, 401);
    // What the page then asks needs them, as ever.
    let url = format!("{}/api/v1/query?query=1", server.api);
    let silent = request(Method::GET, &url, &[("origin", origin)], "").await;
    assert_eq!(silent.expect("an answer").status, 401);
    let authorization = format!("Bearer {READER}");
    let headers = [("origin", origin), ("authorization", &authorization)];
    let known = request(Method::GET, &url, &headers, "").await;
    let known = known.expect("an answer");
    assert_eq!(
        (known.status, allowed(&known).as_deref()),
        (200, Some(origin))
    );
}
