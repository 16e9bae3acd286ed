//! TLS: certificates of both sides, reloads under live connections, handshakes that stall.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{
    Authority, Server, Signed, TlsClient, basic, program, refuse_silently_then_aloud, request,
    wait_for,
};

/// A server with a certificate, and what its clients need.
struct Secured {
    folder: tempfile::TempDir,
    ca: Authority,
    signed: Signed,
    file: PathBuf,
}

impl Secured {
    fn new(signed: impl FnOnce(&Authority) -> Signed, more: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let ca = Authority::new(folder.path(), "ca");
        let secured = Self {
            file: folder.path().join("web.yml"),
            signed: signed(&ca),
            folder,
            ca,
        };
        secured.write(more);
        secured
    }

    /// For 127.0.0.1.
    fn usual(more: &str) -> Self {
        Self::new(|ca| ca.sign(&["127.0.0.1"]), more)
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, more: &str) {
        let text = format!(
            "tls_server_config:\n  cert_file: 127.0.0.1.pem\n  key_file: 127.0.0.1.key\n{more}"
        );
        std::fs::write(&self.file, text).expect("writing");
    }

    fn start(&self, more: &[&str]) -> Server {
        let file = self.file.to_str().expect("a path");
        let arguments = [&["--web-config-file", file], more].concat();
        let server = Server::start(&self.path().join("data"), &arguments);
        assert!(server.api.starts_with("https://"), "{}", server.api);
        server
    }

    fn client(&self) -> TlsClient {
        TlsClient::new(&self.ca.file, None)
    }
}

/// The command `compact` of a running server.
fn compact(server: &Server, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    compact_at(&server.api)
        .args(arguments)
        .envs(variables.iter().copied())
        .output()
        .expect("it starts")
}

fn compact_at(url: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tsdb-server"));
    command.args(["compact", "--url", url]);
    command
}

fn path(file: &Path) -> &str {
    file.to_str().expect("a path")
}

fn refused(output: &Output, expected: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(expected), "{said}\nhas no {expected}");
}

#[tokio::test]
async fn curl_and_both_versions_of_http_speak_over_tls() {
    let secured = Secured::usual("");
    let server = secured.start(&[]);
    for client in [secured.client(), secured.client().http2()] {
        let mut connection = client.connect(&server.api).await.expect("a connection");
        for path in ["/ready", "/api/v1/labels"] {
            let answer = connection.get(&server.api, path, &[]).await;
            assert_eq!(answer.expect("an answer").status, 200, "{path}");
        }
    }
    let metrics = server.metrics.trim_end_matches("/metrics");
    let answer = secured.client().get(metrics, "/metrics", &[]).await;
    let text = answer.expect("an answer").text();
    let expiry = text
        .lines()
        .find_map(|line| line.strip_prefix("tsdb_certificate_expiry_seconds{use=\"server\"} "));
    let left = expiry.expect("an end").parse::<f64>().expect("a number") - now();
    assert!((89.0..91.0).contains(&(left / 86_400.0)), "{left}");
    let Some(curl) = program("curl", "curl") else {
        return;
    };
    for version in ["--http1.1", "--http2"] {
        let output = Command::new(&curl)
            .args(["-sS", version, "-w", " %{http_version}", "--cacert"])
            .arg(&secured.ca.file)
            .arg(format!("{}/-/ready", server.api))
            .output()
            .expect("it starts");
        let said = String::from_utf8_lossy(&output.stdout);
        let expected = if version == "--http2" { " 2" } else { " 1.1" };
        assert!(
            said.contains("is Ready") && said.ends_with(expected),
            "{said}"
        );
    }
}

fn now() -> f64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970")
        .as_secs_f64()
}

#[tokio::test]
async fn http2_is_off_where_the_file_says_so() {
    let secured = Secured::usual("http_server_config: {http2: false}\n");
    let server = secured.start(&[]);
    let client = secured.client().http2();
    let stream = client.stream(&server.api).await.expect("a connection");
    assert_eq!(
        stream.get_ref().1.alpn_protocol(),
        Some(b"http/1.1".as_slice())
    );
    let answer = client.get(&server.api, "/ready", &[]).await;
    assert_eq!(answer.expect("an answer").status, 200);
}

#[tokio::test]
async fn who_writes_http_to_an_address_of_tls_is_told_so() {
    let secured = Secured::usual("");
    let server = secured.start(&[]);
    let plain = format!("{}/ready", server.api.replace("https://", "http://"));
    let answer = request(http::Method::GET, &plain, &[], "")
        .await
        .expect("an answer");
    assert_eq!(answer.status, 400);
    assert!(
        answer.text().contains("write https://"),
        "{}",
        answer.text()
    );
}

#[test]
fn commands_refuse_a_server_whose_certificate_is_wrong() {
    let secured = Secured::new(|ca| ca.sign_expired(&["127.0.0.1"]), "");
    let server = secured.start(&["--enable-admin-api"]);
    assert!(
        server
            .process
            .log()
            .contains("a certificate of use server has expired")
    );
    let ca = path(&secured.ca.file);
    refused(
        &compact(&server, &["--ca-file", ca], &[]),
        "the server's certificate has expired",
    );
    drop(server);

    let secured = Secured::usual("");
    let server = secured.start(&["--enable-admin-api"]);
    refused(&compact(&server, &[], &[]), "--ca-file");
    let foreign = Authority::new(&secured.path().join("data"), "foreign");
    refused(
        &compact(&server, &["--ca-file", path(&foreign.file)], &[]),
        "of a CA that is not trusted here",
    );
    let ca = path(&secured.ca.file);
    let other_name = server.api.replace("127.0.0.1", "localhost");
    let output = Command::new(env!("CARGO_BIN_EXE_tsdb-server"))
        .args(["compact", "--url", &other_name, "--ca-file", ca])
        .output()
        .expect("it starts");
    refused(&output, "not valid for name");
    let done = compact(&server, &["--ca-file", ca], &[]);
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let done = compact(&server, &[], &[("TSDB_CA_FILE", ca)]);
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

#[test]
fn a_probe_of_the_own_server_speaks_as_the_file_says() {
    let secured = Secured::usual("");
    let server = secured.start(&[]);
    let listens = server.api.trim_start_matches("https://");
    let health = |more: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_tsdb-server"))
            .args(["--listen", listens, "health", "--web-config-file"])
            .arg(&secured.file)
            .args(more)
            .output()
            .expect("it starts")
    };
    refused(&health(&[]), "--ca-file");
    let done = health(&["--ca-file", path(&secured.ca.file)]);
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{done:?}");
    assert!(said.contains(&format!("{}: ready", server.api)), "{said}");
}

#[test]
fn commands_show_who_they_are() {
    let secured = Secured::usual(
        "basic_auth_users: {alice: '$2y$05$8iZbkErG2.VCYbuaL1EtfOJAZpYU85B5qnZiLaVOfykoyD0AfOyAi'}\n\
         access: {bearer_tokens: [{name: t, token_file: token, scopes: [read]}]}\n",
    );
    let at = |name: &str, text: &str| {
        let file = secured.path().join(name);
        std::fs::write(&file, text).expect("writing");
        file
    };
    let (right, wrong) = (at("right", "pw\n"), at("wrong", "hunter2"));
    let token = at("token", "0123456789abcdef");
    let server = secured.start(&["--enable-admin-api"]);
    let ca = path(&secured.ca.file);
    let with = |more: &[&str]| compact(&server, &[&["--ca-file", ca], more].concat(), &[]);
    let done = with(&["--user", "alice", "--password-file", path(&right)]);
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let bad = with(&["--user", "alice", "--password-file", path(&wrong)]);
    refused(&bad, "answered 401: wrong user, password or token");
    assert!(!String::from_utf8_lossy(&bad.stderr).contains("hunter2"));
    refused(&with(&[]), "answered 401: credentials are needed");
    refused(
        &with(&["--bearer-token-file", path(&token)]),
        "answered 403: t has no scope admin",
    );
    let variables = [
        ("TSDB_CA_FILE", ca),
        ("TSDB_USER", "alice"),
        ("TSDB_PASSWORD_FILE", path(&right)),
    ];
    assert!(compact(&server, &[], &variables).status.success());
    let sent = Command::new(env!("CARGO_BIN_EXE_tsdb-server"))
        .args([
            "compact",
            "--url",
            "http://tsdb.example:7201",
            "--user",
            "alice",
        ])
        .args(["--password-file", path(&right)])
        .output()
        .expect("it starts");
    refused(&sent, "not sent in clear to another machine");
    let sent = Command::new(env!("CARGO_BIN_EXE_tsdb-server"))
        .args(["compact", "--url", "https://alice:hunter2@127.0.0.1:1"])
        .output()
        .expect("it starts");
    refused(&sent, "give the user with --user");
    assert!(!String::from_utf8_lossy(&sent.stderr).contains("hunter2"));
}

#[tokio::test]
async fn client_certificates_are_verified() {
    let mutual = "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n";
    let secured = Secured::usual(mutual);
    let folder = secured.path().join("clients");
    let foreign_folder = secured.path().join("foreign");
    std::fs::create_dir(&folder).expect("a folder");
    std::fs::create_dir(&foreign_folder).expect("a folder");
    let good = secured.ca.sign(&["prometheus"]);
    let expired = secured.ca.sign_expired(&["old"]);
    let foreign = Authority::new(&foreign_folder, "foreign").sign(&["prometheus"]);
    let forged = Authority::new(&foreign_folder, "ca").sign(&["forged"]);
    let server = secured.start(&["--enable-admin-api"]);
    let get = async |own: Option<&Signed>| {
        let client = TlsClient::new(&secured.ca.file, own);
        client.get(&server.api, "/api/v1/labels", &[]).await
    };
    assert_eq!(get(Some(&good)).await.expect("an answer").status, 200);
    for own in [None, Some(&expired), Some(&foreign), Some(&forged)] {
        let refused = get(own).await;
        assert!(refused.is_err(), "{own:?}: {refused:?}");
    }
    let ca = path(&secured.ca.file);
    let with = |own: &Signed| {
        let own = [
            "--client-cert",
            path(&own.certificate),
            "--client-key",
            path(&own.key),
        ];
        compact(&server, &[&["--ca-file", ca], own.as_slice()].concat(), &[])
    };
    assert!(with(&good).status.success());
    refused(
        &with(&expired),
        "the certificate of --client-cert has expired",
    );
    refused(
        &with(&foreign),
        "the certificate of --client-cert is of a CA that the server does not trust",
    );
    refused(
        &with(&forged),
        "the certificate of --client-cert is not signed by the CA that it names",
    );
    refused(
        &compact(&server, &["--ca-file", ca], &[]),
        "the server asks for a certificate: give --client-cert and --client-key",
    );
    let client = TlsClient::new(&secured.ca.file, Some(&good));
    let metrics = server.metrics.trim_end_matches("/metrics");
    let failed = async || {
        let text = client.get(metrics, "/metrics", &[]).await;
        let text = text.expect("an answer").text();
        let failed = "tsdb_tls_handshake_failures_total{reason=\"failed\"} ";
        let failed = text.lines().find_map(|line| line.strip_prefix(failed));
        failed.expect("the metric").parse::<u64>().expect("a count")
    };
    // A command that is refused asks more than once; who shakes hands once counts once.
    let before = failed().await;
    assert!(before >= 4, "{before}");
    let once = TlsClient::new(&secured.ca.file, Some(&expired));
    assert!(once.get(metrics, "/metrics", &[]).await.is_err());
    assert_eq!(failed().await, before + 1);
}

/// Whether a client hears why it is refused, while it sends already, is a matter of luck.
#[tokio::test]
async fn a_refusal_that_was_not_heard_is_asked_for_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let ca = Authority::new(folder.path(), "ca");
    let own = ca.sign(&["127.0.0.1"]);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("https://{}", listener.local_addr().expect("an address"));
    let ca_file = ca.file.clone();
    let server = tokio::spawn(async move {
        refuse_silently_then_aloud(listener, &ca_file, &own).await;
    });
    let mut command = compact_at(&url);
    command.args(["--ca-file", path(&ca.file)]);
    let command = tokio::task::spawn_blocking(move || command.output().expect("it starts"));
    refused(
        &command.await.expect("it ends"),
        "the server asks for a certificate: give --client-cert and --client-key",
    );
    server.await.expect("it was asked twice");
}

#[tokio::test]
async fn names_of_certificates_decide_what_they_may() {
    let secured = Secured::usual(
        "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n\
         access:\n  certificates:\n    spiffe://a/reader: {scopes: [read]}\n    writer: {scopes: [write]}\n",
    );
    let reader = secured.ca.sign(&["r", "spiffe://a/reader"]);
    let writer = secured.ca.sign(&["writer"]);
    let other = secured.ca.sign(&["other"]);
    let server = secured.start(&[]);
    let cases = [
        (&reader, 200, ""),
        (&writer, 403, "writer has no scope read"),
        (
            &other,
            403,
            "the client certificate has no name that access.certificates lists",
        ),
    ];
    for (own, status, text) in cases {
        let client = TlsClient::new(&secured.ca.file, Some(own));
        let answer = client.get(&server.api, "/api/v1/labels", &[]).await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.status, status, "{}", answer.text());
        assert!(answer.text().contains(text), "{}", answer.text());
    }
}

#[tokio::test]
async fn certificates_are_asked_for_as_go_does() {
    // Type, and whether none, an unknown one, and a known one make a connection.
    let cases = [
        ("NoClientCert", [true, true, true]),
        ("RequestClientCert", [true, true, true]),
        ("RequireAnyClientCert", [false, true, true]),
        (
            "VerifyClientCertIfGiven\n  client_ca_file: ca.pem",
            [true, false, true],
        ),
        (
            "RequireAndVerifyClientCert\n  client_ca_file: ca.pem",
            [false, false, true],
        ),
        (
            "RequireAnyClientCert\n  client_allowed_sans: [a@b.example, known]",
            [false, false, true],
        ),
        (
            "RequireAnyClientCert\n  client_allowed_sans: ['10.1.2.3']",
            [false, true, false],
        ),
    ];
    for (kind, expected) in cases {
        let secured = Secured::usual(&format!("  client_auth_type: {kind}\n"));
        let foreign = secured.path().join("foreign");
        std::fs::create_dir(&foreign).expect("a folder");
        let unknown = Authority::new(&foreign, "ca").sign(&["unknown", "10.1.2.3"]);
        let known = secured.ca.sign(&["known"]);
        let server = secured.start(&[]);
        for (own, expected) in [None, Some(&unknown), Some(&known)]
            .into_iter()
            .zip(expected)
        {
            let client = TlsClient::new(&secured.ca.file, own);
            let answer = client.get(&server.api, "/api/v1/labels", &[]).await;
            assert_eq!(answer.is_ok(), expected, "{kind}: {own:?}: {answer:?}");
        }
    }
}

/// Waits until the server says so.
async fn told(server: &Server, text: &str, times: usize) {
    wait_for(text, 30, async || {
        (server.process.log().matches(text).count() >= times).then_some(())
    })
    .await;
}

const TAKEN: &str = "the web-config file was read anew";
const WRONG: &str = "what it said before still holds";

/// A hash of "pw" and of "new".
const USERS: [&str; 2] = [
    "basic_auth_users: {alice: '$2y$05$8iZbkErG2.VCYbuaL1EtfOJAZpYU85B5qnZiLaVOfykoyD0AfOyAi'}\n",
    "basic_auth_users: {alice: 'NEW'}\n",
];

#[tokio::test]
async fn certificates_and_passwords_change_while_connections_live() {
    let secured = Secured::usual(USERS[0]);
    let server = secured.start(&[]);
    let client = secured.client();
    let mut live = client.connect(&server.api).await.expect("a connection");
    let old = basic("alice", "pw");
    let old = [("authorization", old.as_str())];
    let new = basic("alice", "new");
    let new = [("authorization", new.as_str())];
    let path = "/api/v1/labels";
    let answer = live.get(&server.api, path, &old).await;
    assert_eq!(answer.expect("an answer").status, 200);

    // Another password: for connections that live, too.
    let hash = bcrypt::hash("new", 4).expect("a hash");
    secured.write(&USERS[1].replace("NEW", &hash));
    told(&server, TAKEN, 1).await;
    let answer = live.get(&server.api, path, &old).await;
    assert_eq!(answer.expect("an answer").status, 401);
    let answer = live.get(&server.api, path, &new).await;
    assert_eq!(answer.expect("an answer").status, 200);

    // Another certificate, of another CA: for new connections; the file itself stays.
    let folder = secured.path().join("next");
    std::fs::create_dir(&folder).expect("a folder");
    let next = Authority::new(&folder, "ca");
    next.sign(&["127.0.0.1"]).replace(&secured.signed);
    told(&server, TAKEN, 2).await;
    assert!(
        client.get(&server.api, path, &new).await.is_err(),
        "the old CA is shown still"
    );
    let renewed = TlsClient::new(&next.file, None);
    let answer = renewed.get(&server.api, path, &new).await;
    assert_eq!(answer.expect("an answer").status, 200);
    let answer = live.get(&server.api, path, &new).await;
    assert_eq!(answer.expect("the old connection lives").status, 200);
    assert_eq!(
        server.process.log().matches(WRONG).count(),
        0,
        "{}",
        server.process.log()
    );
}

#[tokio::test]
async fn a_broken_file_changes_nothing_and_is_told_of() {
    let secured = Secured::usual(USERS[0]);
    let server = secured.start(&[]);
    let client = secured.client();
    let right = basic("alice", "pw");
    let right = [("authorization", right.as_str())];
    let whole = std::fs::read_to_string(&secured.file).expect("reading");
    let other = secured.ca.sign(&["other"]);
    let broken = [
        // What an editor leaves for a moment; and slips.
        (
            String::new(),
            "it would end authentication: that takes a restart",
        ),
        (
            USERS[0].to_owned(),
            "it would end TLS: that takes a restart",
        ),
        (
            whole.replace("alice: '$2y", "alice: '$3y"),
            "web.yml:4:27: basic_auth_users.alice is of a version",
        ),
        (
            whole.replace("127.0.0.1.key", "other.key"),
            "it is not the key of the certificate",
        ),
        (whole.replace("127.0.0.1.pem", "gone.pem"), "cannot read "),
        (
            whole.replace("cert_file", "cert_fil"),
            "unknown key tls_server_config.cert_fil: did you mean cert_file?",
        ),
    ];
    assert!(other.key.is_file());
    for (number, (text, expected)) in broken.iter().enumerate() {
        std::fs::write(&secured.file, text).expect("writing");
        told(&server, WRONG, number + 1).await;
        assert!(
            server.process.log().contains(expected),
            "{}\nhas no {expected}",
            server.process.log()
        );
        let answer = client.get(&server.api, "/api/v1/labels", &right).await;
        assert_eq!(answer.expect("an answer").status, 200);
        let answer = client.get(&server.api, "/api/v1/labels", &[]).await;
        assert_eq!(answer.expect("an answer").status, 401);
    }
    let metrics = server.metrics.trim_end_matches("/metrics");
    let text = client
        .get(metrics, "/metrics", &right)
        .await
        .expect("an answer")
        .text();
    let failures = format!("tsdb_web_config_reload_failures_total {}", broken.len());
    assert!(text.contains(&failures), "{text}");
    // It heals by itself, and SIGHUP reads it at any time.
    std::fs::write(&secured.file, &whole).expect("writing");
    told(&server, TAKEN, 1).await;
    server.process.signal(Signal::HUP);
    told(&server, TAKEN, 2).await;
}

#[tokio::test]
async fn stalled_handshakes_stop_nobody_and_end() {
    let secured = Secured::usual("");
    let server = secured.start(&[]);
    let address = server.api.trim_start_matches("https://");
    let mut stalled = Vec::new();
    for number in 0..200 {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        if number % 2 == 0 {
            // The head of a record that never comes.
            stream
                .write_all(&[0x16, 3, 1, 2, 0, 1])
                .await
                .expect("sending");
        }
        stalled.push(stream);
    }
    let client = secured.client();
    let mut slowest = Duration::ZERO;
    for _ in 0..20 {
        let began = Instant::now();
        let answer = client.get(&server.api, "/ready", &[]).await;
        assert_eq!(answer.expect("an answer").status, 200);
        slowest = slowest.max(began.elapsed());
    }
    assert!(slowest < Duration::from_secs(3), "{slowest:?}");
    let metrics = server.metrics.trim_end_matches("/metrics");
    for mut stream in stalled {
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut rest));
        // A reset is an end as well.
        let _end = ended.await.expect("it is ended by the server");
    }
    let text = client
        .get(metrics, "/metrics", &[])
        .await
        .expect("an answer")
        .text();
    let timeouts = "tsdb_tls_handshake_failures_total{reason=\"timeout\"} ";
    let timeouts = text.lines().find_map(|line| line.strip_prefix(timeouts));
    let timeouts: f64 = timeouts.expect("a count").parse().expect("a number");
    assert!(timeouts >= 200.0, "{text}");
}

#[tokio::test]
async fn a_server_stops_while_handshakes_stall() {
    let secured = Secured::usual("");
    let mut server = secured.start(&[]);
    let address = server.api.trim_start_matches("https://");
    let _stalled = TcpStream::connect(address).await.expect("a connection");
    let mut live = secured
        .client()
        .connect(&server.api)
        .await
        .expect("a connection");
    let answer = live.get(&server.api, "/ready", &[]).await;
    assert_eq!(answer.expect("an answer").status, 200);
    let began = Instant::now();
    server.process.signal(Signal::TERM);
    assert!(
        server
            .process
            .ended(Duration::from_secs(30))
            .await
            .success()
    );
    assert!(
        began.elapsed() < Duration::from_secs(9),
        "{:?}",
        began.elapsed()
    );
    assert!(
        !server.process.log().contains("cut off"),
        "{}",
        server.process.log()
    );
}
