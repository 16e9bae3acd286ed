//! The parts that need no built server; the packages as a whole are tried by the server's tests.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use super::archive::tar;
use super::command::options;
use super::payload::{PackedFile, gzip};
use super::third_party::{Library, names, render};
use crate::repository::{self, Repository};

#[test]
fn options_are_read_and_slips_are_named() {
    let read = |arguments: &[&str]| {
        let arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
        options(Path::new("/r"), &arguments)
    };
    let given = read(&["--profile", "quick", "--out", "/o", "--binary", "/b"]).unwrap();
    assert_eq!(given.profile, "quick");
    assert_eq!(given.out, Path::new("/o"));
    assert_eq!(given.binary.as_deref(), Some(Path::new("/b")));
    assert!(
        read(&["--out"])
            .unwrap_err()
            .to_string()
            .contains("needs a value")
    );
    assert!(
        read(&["--fast", "1"])
            .unwrap_err()
            .to_string()
            .contains("--fast")
    );
}

#[test]
fn an_archive_is_sorted_of_root_and_of_one_time() {
    let files = [
        PackedFile::plain("b/c/d", "1"),
        PackedFile::program("a", "22"),
    ];
    let mut bytes = tar("t", &files, 1000).unwrap();
    let [first, second] = files;
    assert_eq!(bytes, tar("t", &[second, first], 1000).unwrap());
    let mut archive = tar::Archive::new(bytes.as_slice());
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        let header = entry.header();
        assert_eq!((header.uid().unwrap(), header.mtime().unwrap()), (0, 1000));
        let path = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
        (path, entry.header().mode().unwrap(), text)
    });
    let entries: Vec<_> = entries.collect();
    let wanted = [
        ("t/", 0o755, ""),
        ("t/a", 0o755, "22"),
        ("t/b/", 0o755, ""),
        ("t/b/c/", 0o755, ""),
        ("t/b/c/d", 0o644, "1"),
    ];
    let wanted = wanted.map(|(path, mode, text)| (path.to_owned(), mode, text.to_owned()));
    assert_eq!(entries, wanted);
    bytes.push(0);
    let packed = gzip(&bytes).unwrap();
    assert_eq!(packed, gzip(&bytes).unwrap());
    assert_eq!(packed.get(4..8), Some(&[0; 4][..]), "no time");
}

#[test]
fn each_licence_is_there_once_with_those_that_carry_it() {
    let library = |name: &str, texts: &[&str]| Library {
        name: name.to_owned(),
        terms: "MIT".to_owned(),
        texts: texts.iter().map(|text| (*text).to_owned()).collect(),
    };
    let all = [
        library("b 2", &["of both\n", "of b"]),
        library("a 1", &["of both"]),
        library("c 3", &[]),
    ];
    let text = render(&all);
    assert_eq!(text.matches("of both").count(), 1);
    assert!(
        text.contains("\na 1, b 2\n") && text.contains("\nb 2\n"),
        "{text}"
    );
    assert!(
        text.contains("c 3: MIT; its package carries no text\n"),
        "{text}"
    );
    let tree = names("tsdb-server v0.1.0 (/r)\nserde v1.0.0\nserde v1.0.0 (*)\n");
    assert_eq!(Vec::from_iter(tree), ["serde 1.0.0", "tsdb-server 0.1.0"]);
}

/// The instructions of a Dockerfile, those that go on in the next line as one.
fn instructions(text: &str) -> Vec<(String, String)> {
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'));
    let joined = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    let lines = joined.lines().filter(|line| !line.trim().is_empty());
    let split = lines.map(|line| {
        let (name, rest) = line
            .trim()
            .split_once(' ')
            .expect("an instruction has words");
        (name.to_owned(), rest.trim().to_owned())
    });
    split.collect()
}

/// Whether a line of `.dockerignore` leaves a path out: a name, or `**/` and a name at any depth.
fn is_ignored(rules: &str, path: &str) -> bool {
    let mut rules = rules.lines().filter(|rule| !rule.is_empty());
    rules.any(|rule| match rule.strip_prefix("**/") {
        Some(name) => path.split('/').any(|part| part == name),
        None => path == rule || path.starts_with(&format!("{rule}/")),
    })
}

#[test]
fn the_image_copies_what_is_there_and_runs_without_root() {
    let repository = Repository::read(&repository::root().unwrap()).unwrap();
    let ignored = repository.text(".dockerignore").expect("a file");
    assert!(is_ignored(ignored, "fuzz/target/x") && is_ignored(ignored, "data/x"));
    let all = instructions(repository.text("Dockerfile").expect("a file"));
    let mut stages = Vec::new();
    let mut settings: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, rest) in &all {
        let words: Vec<&str> = rest.split_whitespace().collect();
        match (name.as_str(), words.as_slice()) {
            ("FROM", [_]) => stages.push("last"),
            ("FROM", [_, "AS", stage]) => stages.push(stage),
            ("COPY", [from, source, _]) if from.starts_with("--from=") => {
                assert!(
                    stages.contains(&from.trim_start_matches("--from=")),
                    "{rest}"
                );
                assert_eq!(*source, "/source/target/release/tsdb-server");
            }
            ("COPY", [".", "."]) => {}
            ("COPY", [sources @ .., _]) => {
                for source in sources {
                    assert!(repository.contains(source), "{source} is not there");
                    assert!(!is_ignored(ignored, source), "{source} is ignored");
                }
            }
            (
                "RUN" | "WORKDIR" | "ENV" | "USER" | "VOLUME" | "EXPOSE" | "HEALTHCHECK"
                | "ENTRYPOINT" | "CMD",
                _,
            ) => {}
            _ => panic!("{name} {rest} is not understood"),
        }
        settings.entry(name).or_default().push(rest);
    }
    assert_eq!(stages, ["build", "last"]);
    for needed in [
        "Cargo.toml",
        "Cargo.lock",
        "tsdb-server/src/main.rs",
        "deploy/grafana/dashboard.json",
        "docs/server.md",
    ] {
        assert!(
            repository.contains(needed) && !is_ignored(ignored, needed),
            "{needed}"
        );
    }
    assert_eq!(settings["USER"], ["tsdb"]);
    assert_eq!(settings["EXPOSE"], ["7201 7203 9002 9003 9004"]);
    assert!(settings["VOLUME"][0].contains("\"/var/lib/tsdb\""));
    assert_eq!(settings["CMD"], ["[\"-f\", \"/etc/tsdb/tsdb.yml\"]"]);
    assert!(settings["HEALTHCHECK"][0].ends_with("CMD [\"tsdb-server\", \"health\"]"));
}
