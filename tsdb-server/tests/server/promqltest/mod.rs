//! Prometheus' own evaluation tests, and ours in their language, over remote write and HTTP.

mod reply;
mod sections;
mod writes;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use sections::Sections;
use tsdb_promql::testkit::{Command, Script, Suite, run};

use crate::support::Server;

/// What Prometheus' tests have switched on, and how many samples a query of theirs may hold.
const FLAGS: [&str; 4] = [
    "--promql-features",
    "promql-experimental-functions,promql-extended-range-selectors,promql-binop-fill-modifiers,\
     promql-delayed-name-removal,use-start-timestamps",
    "--query-max-samples",
    "10000",
];

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Says it even where the output of tests that pass is kept back.
fn say(text: &str) {
    let mut stderr = std::io::stderr().lock();
    stderr.write_all(text.as_bytes()).expect("stderr");
}

/// How many times a script begins with nothing.
fn sections(script: &Script) -> usize {
    let clears = script.commands.iter();
    1 + clears
        .filter(|command| matches!(command, Command::Clear))
        .count()
}

/// Plays scripts against a server, of which each section is a tenant.
async fn play(suite: Suite, scripts: Vec<Script>, flags: &[&str]) {
    let data = tempfile::tempdir().expect("a folder");
    let tenants: usize = scripts.iter().map(sections).sum();
    let mut config = String::from("tsdb:\n  tenants:\n");
    for tenant in 0..tenants {
        writeln!(config, "    - {{name: s{tenant}, retention: 36500d}}").expect("a text");
    }
    let file = data.path().join("tsdb.yml");
    std::fs::write(&file, config).expect("a file");
    let mut arguments = vec!["--config", file.to_str().expect("a path")];
    arguments.extend(flags);
    let server = Server::start(&data.path().join("data"), &arguments);
    let handle = tokio::runtime::Handle::current();
    let mut subject = Sections::new(handle, &server.api);
    let play = || suite.play(&scripts, |script| run(script, &mut subject));
    say(&tokio::task::block_in_place(play).unwrap_or_else(|report| panic!("{report}")));
}

async fn play_those_of_prometheus(name: &'static str, flags: &[&str]) {
    let counts = folder().join("tests/server/promqltest/counts.txt");
    let suite = Suite::of_prometheus(name, folder(), counts);
    match suite.scripts().expect("scripts") {
        Some(scripts) => play(suite, scripts, flags).await,
        None => say(&format!(
            "\n!!! cases of {name} WERE NOT PLAYED over HTTP: there is no {}, \
             set TSDB_PROMQLTEST to a folder with v3.14 and v2.42\n",
            suite.folder.display()
        )),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cases_of_prometheus_3_14_over_http() {
    play_those_of_prometheus("v3.14", &FLAGS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cases_of_prometheus_2_42_over_http() {
    let flags = ["--promql-features", "prometheus-2"];
    play_those_of_prometheus("v2.42", &flags).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cases_of_our_own_over_http() {
    let suite = Suite {
        name: "cases",
        folder: folder().join("../tsdb-promql/tests/cases"),
        counts: folder().join("tests/server/promqltest/counts.txt"),
    };
    let scripts = suite.scripts().expect("scripts").expect("a folder");
    play(suite, scripts, &FLAGS).await;
}
