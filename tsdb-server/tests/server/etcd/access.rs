use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tsdb_cluster::metadata::MetadataStore;
use tsdb_server::metadata::{
    EtcdCredentials, EtcdError, EtcdMetadata, EtcdOptions, EtcdReach, EtcdTls,
};

use super::start::{SOON, error, follow, told};
use crate::support::{Authority, Etcd, Signed, wait_for};

fn metadata(options: EtcdOptions) -> EtcdMetadata {
    EtcdMetadata::connect(options).expect("options")
}

async fn why_not(options: EtcdOptions) -> String {
    error(metadata(options).get("_kv/x").await).to_string()
}

fn with(etcd: &Etcd, ca: &Path, shown: Option<&Signed>) -> EtcdOptions {
    EtcdOptions {
        tls: Some(EtcdTls {
            ca_file: Some(ca.to_owned()),
            certificate_file: shown.map(|shown| shown.certificate.clone()),
            key_file: shown.map(|shown| shown.key.clone()),
        }),
        ..EtcdOptions::new([etcd.url.trim_start_matches("https://")])
    }
}

#[tokio::test]
async fn etcd_is_reached_through_tls_by_those_who_show_a_certificate() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new(folder.path(), "ca");
    let server = authority.sign(&["127.0.0.1"]);
    let client = authority.sign(&["client"]);
    let arguments = [
        format!("--cert-file={}", server.certificate.display()),
        format!("--key-file={}", server.key.display()),
        format!("--trusted-ca-file={}", authority.file.display()),
        "--client-cert-auth".to_owned(),
    ];
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let Some(etcd) = Etcd::start_with(folder.path(), "https", &arguments).await else {
        return;
    };
    let with = |ca: &Path, shown: Option<&Signed>| with(&etcd, ca, shown);
    let trusting = follow(with(&authority.file, Some(&client))).await;
    assert_eq!(trusting.status().endpoint, Some(etcd.url.clone()));
    let mut changes = trusting.changes();
    trusting
        .set("_kv/x", None, b"1".to_vec())
        .await
        .expect("a write");
    told(&mut changes, SOON * 4).await;

    let other = Authority::new(folder.path(), "other");
    let text = why_not(with(&other.file, Some(&client))).await;
    assert!(
        text.contains(&etcd.url) && text.contains("UnknownIssuer"),
        "{text}"
    );
    let text = why_not(with(&authority.file, None)).await;
    assert!(
        text.contains("CertificateRequired") || text.contains("BadCertificate"),
        "{text}"
    );
    let plain = etcd.url.replace("https://", "http://");
    let text = why_not(EtcdOptions::new([&plain])).await;
    assert!(text.contains(&plain), "{text}");

    // Files are read at once, so that a wrong one is not found out later.
    let missing = folder.path().join("missing.pem");
    let refused = EtcdMetadata::connect(with(&missing, Some(&client))).expect_err("no file");
    assert!(
        refused.to_string().contains("missing.pem: No such file"),
        "{refused}"
    );
    let refused = EtcdMetadata::connect(with(&client.key, Some(&client))).expect_err("no CA");
    assert!(
        refused.to_string().contains("it holds no certificate"),
        "{refused}"
    );

    // A certificate that is renewed is shown to the next connection.
    let expired = authority.sign_expired(&["expired"]);
    expired.replace(&client);
    let late = metadata(with(&authority.file, Some(&client)));
    let text = error(late.get("_kv/x").await).to_string();
    assert!(text.contains(&etcd.url), "{text}");
    authority.sign(&["renewed"]).replace(&client);
    let found = wait_for("the new certificate to do", 20, async || {
        late.get("_kv/x").await.ok()
    });
    assert!(found.await.is_some());
}

/// Has etcd ask for users: `root`, and `writer` who may do what it likes below `_kv/`.
async fn ask_for_users(etcd: &Etcd) {
    let prefix = STANDARD.encode("_kv/");
    let end = STANDARD.encode("_kv0");
    let permission = json!({"permType": "READWRITE", "key": prefix, "range_end": end});
    for (path, body) in [
        (
            "auth/user/add",
            json!({"name": "root", "password": "root secret"}),
        ),
        ("auth/role/add", json!({"name": "root"})),
        ("auth/user/grant", json!({"user": "root", "role": "root"})),
        (
            "auth/user/add",
            json!({"name": "writer", "password": "writer secret"}),
        ),
        ("auth/role/add", json!({"name": "kv"})),
        ("auth/role/grant", json!({"name": "kv", "perm": permission})),
        ("auth/user/grant", json!({"user": "writer", "role": "kv"})),
        ("auth/enable", json!({})),
    ] {
        etcd.call(path, body)
            .await
            .unwrap_or_else(|error| panic!("{path}: {error}"));
    }
}

fn as_user(etcd: &Etcd, user: &str, password: &str) -> EtcdOptions {
    EtcdOptions {
        credentials: Some(EtcdCredentials::new(user, password)),
        watched: vec!["_kv/".to_owned()],
        ..EtcdOptions::new([&etcd.url])
    }
}

#[tokio::test]
async fn etcd_is_asked_as_a_user() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(etcd) = Etcd::start(folder.path()).await else {
        return;
    };
    let (right, wrong) = (
        as_user(&etcd, "writer", "writer secret"),
        as_user(&etcd, "writer", "wrong secret"),
    );
    let nobody = EtcdOptions::new([&etcd.url]);
    // Where users are not asked for, one that is given does no harm.
    let writer = follow(right.clone()).await;
    let first = writer
        .set("_kv/x", None, b"1".to_vec())
        .await
        .expect("a write");
    ask_for_users(&etcd).await;
    let mut changes = writer.changes();
    writer
        .set("_kv/x", Some(first), b"2".to_vec())
        .await
        .expect("a write");
    told(&mut changes, SOON * 4).await;

    let text = why_not(wrong.clone()).await;
    assert!(
        text.contains(&etcd.url) && text.contains("\"writer\""),
        "{text}"
    );
    assert!(text.contains("invalid user ID or password"), "{text}");
    let text = why_not(nobody).await;
    assert!(text.contains("user name is empty"), "{text}");
    let refused = error(writer.set("_tsdb/x", None, Vec::new()).await);
    assert!(matches!(refused, EtcdError::Refused { .. }), "{refused:?}");
    assert!(
        refused.to_string().contains("permission denied"),
        "{refused}"
    );
    assert_eq!(
        writer.status().reach,
        EtcdReach::Reachable,
        "it is no reason to go elsewhere"
    );
    let debug = format!("{right:?} {writer:?} {wrong:?}");
    assert!(
        !debug.contains("secret") && debug.contains("writer"),
        "{debug}"
    );
}

#[tokio::test]
async fn a_token_that_etcd_forgot_is_asked_for_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mut etcd) = Etcd::start(folder.path()).await else {
        return;
    };
    ask_for_users(&etcd).await;
    let right = as_user(&etcd, "writer", "writer secret");
    let writer = follow(right.clone()).await;
    let second = writer
        .set("_kv/x", None, b"2".to_vec())
        .await
        .expect("a write");
    etcd.restart().await;
    let third = wait_for("a write with a new token", 20, async || {
        writer.set("_kv/x", Some(second), b"3".to_vec()).await.ok()
    })
    .await;
    assert!(third > second);
    let followed = wait_for("changes to be followed again", 20, async || {
        (writer.status().watch_revision >= Some(i64::try_from(third).ok()?)).then_some(())
    });
    followed.await;
    // Some may follow what they may not read: they are told why they cannot.
    let denied = metadata(EtcdOptions {
        watched: vec!["_tsdb/".to_owned()],
        ..right
    });
    wait_for("the watch to be refused", 20, async || {
        let said = denied.status().last_error?;
        said.contains("permission denied").then_some(())
    })
    .await;
    assert!(denied.get("_kv/x").await.expect("a look").is_some());
}

#[tokio::test]
async fn options_that_do_not_do_are_told_at_once() {
    for (endpoint, said) in [
        ("ftp://host:1", "is neither http:// nor https://"),
        (
            "http://user:hunter2@host:2379",
            "\"...@host:2379\" names a user",
        ),
        ("http://host:port", "is not HOST:PORT"),
        ("http://", "is not HOST:PORT"),
        ("http://host:2379/path", "is not HOST:PORT"),
    ] {
        let refused = EtcdMetadata::connect(EtcdOptions::new([endpoint]));
        let refused = refused.expect_err(endpoint).to_string();
        assert!(
            refused.contains(said) && !refused.contains("hunter2"),
            "{refused}"
        );
    }
    let none = EtcdMetadata::connect(EtcdOptions::new([""; 0])).expect_err("no endpoint");
    assert!(
        none.to_string().contains("no endpoints are given"),
        "{none}"
    );
    let nothing = EtcdOptions {
        watched: Vec::new(),
        ..EtcdOptions::new(["host"])
    };
    let nothing = EtcdMetadata::connect(nothing).expect_err("nothing to follow");
    assert!(
        nothing.to_string().contains("nothing is to be followed"),
        "{nothing}"
    );
}
