//! Each check is shown a repository that keeps its rule and one that breaks it.

use serde_json::json;

use super::command::check_texts;
use super::source::Sources;
use super::{crates, sizes};
use crate::repository::Repository;

const RANKS: &str = "## Ranks inside tsdb-core\n\n| rank | modules |\n|---|---|\n\
    | 2 | `db` |\n| 1 | `wal` `index` |\n| 0 | `bits` |\n\n\
    ## Ranks of the crates\n\n| rank | crates |\n|---|---|\n\
    | 1 | `tsdb-server` |\n| 0 | `tsdb-core` `xtask` |\n";

/// A small repository in which every rule holds.
fn sound() -> Repository {
    Repository::default()
        .with("ARCHITECTURE.md", RANKS)
        .with("tsdb-core/Cargo.toml", "")
        .with(
            "tsdb-core/src/lib.rs",
            "#![deny(unsafe_code)]\nmod bits;\nmod db;\nmod index;\nmod wal;\n",
        )
        .with(
            "tsdb-core/src/bits/mod.rs",
            "mod prefetch;\npub use prefetch::prefetch;\n",
        )
        // On the list of files that may be unsafe.
        .with(
            "tsdb-core/src/bits/prefetch.rs",
            "pub fn prefetch() { unsafe {} }\n",
        )
        .with(
            "tsdb-core/src/db/mod.rs",
            "mod open;\n#[cfg(test)]\nmod tests;\npub use open::Db;\n",
        )
        .with(
            "tsdb-core/src/db/open.rs",
            "use crate::wal::Log;\npub struct Db(Log);\n",
        )
        .with("tsdb-core/src/db/tests.rs", "use crate::bits;\n")
        .with("tsdb-core/src/index/mod.rs", "")
        .with("tsdb-core/src/wal/mod.rs", "mod log;\npub use log::Log;\n")
        .with(
            "tsdb-core/src/wal/log.rs",
            "use crate::bits as b;\npub struct Log;\n",
        )
}

/// What all checks find, as `path:line: message`.
fn findings(repository: &Repository) -> Vec<String> {
    let (sources, mut findings) = Sources::parse(repository);
    findings.extend(check_texts(repository, &sources));
    findings
        .iter()
        .map(|finding| format!("{}:{}: {}", finding.path, finding.line, finding.message))
        .collect()
}

/// The only finding names the place and contains the words.
#[track_caller]
fn check(repository: &Repository, place: &str, words: &str) {
    let found = findings(repository);
    assert!(
        matches!(found.as_slice(), [one] if one.starts_with(place) && one.contains(words)),
        "wanted `{place} .. {words}`, found {found:#?}"
    );
}

#[test]
fn a_sound_repository_has_no_finding() {
    assert_eq!(findings(&sound()), Vec::<String>::new());
}

#[test]
fn a_file_that_is_not_rust_is_found() {
    check(
        &sound().with("tsdb-core/tests/a.rs", "fn ("),
        "tsdb-core/tests/a.rs:1:",
        "is not Rust",
    );
}

#[test]
fn an_import_upwards_is_found_in_every_form() {
    for text in [
        "use crate::db::Db;",
        "use crate::{bits, db::Db};",
        "use crate::db;",
        "use crate::db::*;",
        "use super::super::db::Db;",
        "use crate::db::Db as D;",
        "fn f() { crate::db::open(); }",
        "fn f() -> crate::db::Db { g() }",
        "fn f() { assert!(x == crate::db::Y, \"..\"); }",
        "mod inner { use super::super::super::db::Db; }",
        "#[cfg(any(test, feature = \"testkit\"))]\nuse crate::db::Db;",
    ] {
        let repository = sound().with(
            "tsdb-core/src/wal/log.rs",
            &format!("{text}\npub struct Log;"),
        );
        check(
            &repository,
            "tsdb-core/src/wal/log.rs:",
            "`wal` (rank 1) must not import `db` (rank 2)",
        );
    }
}

#[test]
fn an_import_of_a_sibling_is_found() {
    let repository = sound().with(
        "tsdb-core/src/wal/log.rs",
        "use crate::index::A;\npub struct Log;",
    );
    check(
        &repository,
        "tsdb-core/src/wal/log.rs:1:",
        "must not import `index` (rank 1)",
    );
}

#[test]
fn an_import_through_the_root_is_found() {
    for text in ["use crate::Db;", "use crate::*;", "use super::super::*;"] {
        let repository = sound().with(
            "tsdb-core/src/wal/log.rs",
            &format!("{text}\npub struct Log;"),
        );
        check(
            &repository,
            "tsdb-core/src/wal/log.rs:1:",
            "is no module with a rank",
        );
    }
}

#[test]
fn imports_of_tests_and_visibilities_are_free() {
    let text = "pub struct Log;\npub(in crate::wal) fn f() {}\npub(crate) fn g() {}\n\
        #[cfg(test)]\nuse crate::db::Db;\n#[cfg(all(test, unix))]\nmod inner { use crate::db::Db; }\n";
    assert_eq!(
        findings(&sound().with("tsdb-core/src/wal/log.rs", text)),
        Vec::<String>::new()
    );
}

#[test]
fn a_module_without_a_rank_and_a_rank_without_a_module_are_found() {
    let unranked = sound()
        .with(
            "tsdb-core/src/lib.rs",
            "#![deny(unsafe_code)]\nmod bits;\nmod db;\nmod index;\nmod wal;\nmod new;\n",
        )
        .with("tsdb-core/src/new/mod.rs", "");
    check(&unranked, "tsdb-core/src/new/mod.rs:0:", "has no rank");
    let gone = sound().with("ARCHITECTURE.md", &RANKS.replace("`bits`", "`bits` `gone`"));
    check(&gone, "ARCHITECTURE.md:0:", "ranks the module `gone`");
    let no_table = sound().with("ARCHITECTURE.md", "## Ranks of the crates\n");
    check(&no_table, "ARCHITECTURE.md:0:", "no table of ranks");
}

#[test]
fn a_long_file_is_found() {
    let text = "pub struct Log;\n".to_owned() + &"//\n".repeat(sizes::FILE_LINES_MAX - 1);
    let repository = |text: &str| sound().with("tsdb-core/src/wal/log.rs", text);
    assert_eq!(findings(&repository(&text)), Vec::<String>::new());
    check(
        &repository(&(text + "//\n")),
        "tsdb-core/src/wal/log.rs:0:",
        "has 801 lines",
    );
}

#[test]
fn a_long_function_is_found_wherever_it_stands() {
    let body = "\n".repeat(sizes::FUNCTION_LINES_MAX);
    for (before, after) in [
        ("", ""),
        ("impl A {", "}"),
        ("trait A {", "}"),
        ("mod a {", "}"),
        ("fn o() { a!(); }", ""),
    ] {
        let short = body.replacen('\n', "", 1);
        let text =
            |body: &str| format!("pub struct Log;\n{before}\nfn long() {{{body}}}\n{after}\n");
        let repository = |body: &str| sound().with("tsdb-core/src/wal/log.rs", &text(body));
        assert_eq!(findings(&repository(&short)), Vec::<String>::new());
        check(
            &repository(&body),
            "tsdb-core/src/wal/log.rs:3:",
            "long` has 71 lines",
        );
    }
}

#[test]
fn an_exception_may_only_shrink() {
    let path = "tsdb-core/src/wal/log.rs";
    let text = "pub struct Log;\n".to_owned() + &"//\n".repeat(899);
    let ratchet = |line: &str| sound().with(path, &text).with(sizes::RATCHET, line);
    assert_eq!(
        findings(&ratchet(&format!("# why\nfile {path} 900\n"))),
        Vec::<String>::new()
    );
    check(
        &ratchet(&format!("file {path} 899\n")),
        path,
        "may only shrink",
    );
    check(
        &ratchet(&format!("file {path} 901\n")),
        "xtask/ratchet.txt:1:",
        "lower the listed 901",
    );
    let idle = sound().with(sizes::RATCHET, &format!("file {path} 900\n"));
    check(&idle, "xtask/ratchet.txt:1:", "remove the line");
    let odd = sound().with(sizes::RATCHET, "file\n");
    check(&odd, "xtask/ratchet.txt:1:", "is not `file PATH LINES`");
}

#[test]
fn a_door_with_more_than_doors_is_found() {
    let item = sound().with("tsdb-core/src/index/mod.rs", "pub struct A;\n");
    check(
        &item,
        "tsdb-core/src/index/mod.rs:1:",
        "only `mod` and `use`",
    );
    let body = sound().with("tsdb-core/src/index/mod.rs", "mod a { }\n");
    check(
        &body,
        "tsdb-core/src/index/mod.rs:1:",
        "only `mod` and `use`",
    );
    let long = sound().with("tsdb-core/src/index/mod.rs", &"//\n".repeat(61));
    check(&long, "tsdb-core/src/index/mod.rs:0:", "at most 60 lines");
}

#[test]
fn unsafe_code_is_found_even_in_a_macro() {
    for text in [
        "unsafe fn f() {}",
        "fn f() { unsafe { g() } }",
        "a! { unsafe { g() } }",
    ] {
        let repository = sound().with(
            "tsdb-core/src/wal/log.rs",
            &format!("{text}\npub struct Log;"),
        );
        check(
            &repository,
            "tsdb-core/src/wal/log.rs:1:",
            "unsafe code outside",
        );
    }
}

#[test]
fn a_crate_that_does_not_forbid_unsafe_is_found() {
    for root in [
        "tsdb-server/src/lib.rs",
        "tsdb-server/src/main.rs",
        "tsdb-server/src/bin/a.rs",
    ] {
        let repository = |text: &str| sound().with("tsdb-server/Cargo.toml", "").with(root, text);
        check(&repository(""), root, "#![forbid(unsafe_code)]");
        check(
            &repository("#![deny(unsafe_code)]"),
            root,
            "#![forbid(unsafe_code)]",
        );
        assert_eq!(
            findings(&repository("#![forbid(unsafe_code)]")),
            Vec::<String>::new()
        );
    }
}

#[test]
fn a_file_that_no_module_names_is_found() {
    let dead = sound().with("tsdb-core/src/wal/dead.rs", "");
    check(
        &dead,
        "tsdb-core/src/wal/dead.rs:0:",
        "no `mod` names this file",
    );
    let test = sound().with("tsdb-core/tests/support/dead.rs", "");
    check(
        &test,
        "tsdb-core/tests/support/dead.rs:0:",
        "no `mod` names this file",
    );
    let named = sound()
        .with(
            "tsdb-core/tests/a.rs",
            "mod support;\n#[path = \"other.in\"]\nmod b;\n",
        )
        .with("tsdb-core/tests/support/mod.rs", "")
        .with(
            "examples/Cargo.toml",
            "[[example]]\nname = \"a\"\npath = \"a.rs\"\n",
        )
        .with("examples/a.rs", "fn main() {}\n");
    assert_eq!(findings(&named), Vec::<String>::new());
    let included = sound()
        .with("docs/format/README.md", "")
        .with("xtask/Cargo.toml", "")
        .with(
            "xtask/src/lib.rs",
            "#![forbid(unsafe_code)]\nmod a { include!(\"b.in.rs\"); }\n",
        )
        .with("xtask/src/b.in.rs", "");
    assert_eq!(findings(&included), Vec::<String>::new());
}

#[test]
fn unfinished_marks_and_foreign_folders_are_found() {
    for banned in [
        concat!("FIX", "ME later"),
        concat!("TO", "DO"),
        concat!("dbg", "!(x)"),
        concat!("/work", "/shared/a"),
    ] {
        check(
            &sound().with("README.md", &format!("a\n{banned}\n")),
            "README.md:2:",
            "is banned",
        );
        check(
            &sound().with(".ci/run", &format!("# {banned}\n")),
            ".ci/run:1:",
            "is banned",
        );
    }
}

#[test]
fn a_front_page_whose_example_no_doctest_runs_is_found() {
    let pages = |front: &str, engine: &str| {
        sound()
            .with("README.md", front)
            .with("tsdb-core/README.md", engine)
    };
    let example = "a\n```sh\nb\n```\n```rust\nlet a = 1;\n```\n";
    assert_eq!(
        findings(&pages(example, "```rust\nlet a = 1;\n```\n")),
        Vec::<String>::new()
    );
    check(
        &pages(example, "```rust\nlet a = 2;\n```\n"),
        "README.md:0:",
        "first Rust example",
    );
    check(&pages("none", "none"), "README.md:0:", "first Rust example");
}

#[test]
fn a_source_that_is_not_ascii_is_found() {
    let repository = sound().with("tsdb-core/src/wal/log.rs", "// \u{3b1}\npub struct Log;\n");
    check(&repository, "tsdb-core/src/wal/log.rs:1:", "ASCII");
    let generated = "// @generated\n// \u{3b1}\npub struct Log;\n";
    assert_eq!(
        findings(&sound().with("tsdb-core/src/wal/log.rs", generated)),
        Vec::<String>::new()
    );
}

#[test]
fn a_type_named_after_nothing_is_found() {
    for item in [
        "struct LogManager;",
        "enum LogHelper {}",
        "trait LogUtil {}",
        "type LogInfo = u8;",
    ] {
        let repository = sound().with(
            "tsdb-core/src/wal/log.rs",
            &format!("pub struct Log;\n{item}"),
        );
        check(&repository, "tsdb-core/src/wal/log.rs:2:", "say what it is");
    }
}

#[test]
fn a_decoder_without_a_fuzz_target_is_found() {
    let path = "tsdb-core/src/wal/log.rs";
    for item in [
        "fn decode_frame(b: &[u8]) {}",
        "impl Log { fn parse(b: &[u8]) {} }",
        "fn f(b: &[u8]) { let r = ByteReader::new(b); }",
    ] {
        let repository = sound().with(path, &format!("pub struct Log;\n{item}\n"));
        check(
            &repository,
            "tsdb-core/src/wal/log.rs:2:",
            "gives it a target",
        );
        let listed = repository
            .with("fuzz/decoders.txt", &format!("# why\n{path} log_replay\n"))
            .with("fuzz/src/targets.rs", "const A: &str = \"log_replay\";")
            .with("fuzz/Cargo.toml", "")
            .with("fuzz/src/lib.rs", "#![forbid(unsafe_code)]\nmod targets;\n");
        assert_eq!(findings(&listed), Vec::<String>::new());
        let excused = sound()
            .with(path, &format!("pub struct Log;\n{item}\n"))
            .with(
                "fuzz/decoders.txt",
                &format!("{path} - the operator's own words\n"),
            );
        assert_eq!(findings(&excused), Vec::<String>::new());
    }
    let in_test = "pub struct Log;\n#[cfg(test)]\nfn decode() {}\n";
    assert_eq!(findings(&sound().with(path, in_test)), Vec::<String>::new());
    let gone = sound().with("fuzz/decoders.txt", "tsdb-core/src/gone.rs canary\n");
    let found = findings(&gone);
    assert!(
        found
            .iter()
            .any(|line| line.contains("`tsdb-core/src/gone.rs` is gone")),
        "{found:?}"
    );
    assert!(
        found
            .iter()
            .any(|line| line.contains("`canary` is no target")),
        "{found:?}"
    );
}

#[test]
fn a_format_page_that_quotes_another_constant_is_found() {
    let path = "tsdb-core/src/wal/log.rs";
    let source =
        "pub struct Log;\npub const LOG_MAGIC: [u8; 4] = *b\"TLOG\";\nconst CAP: u64 = 8 * 2;\n";
    let folder = "Code: `tsdb-core/src/wal/`.";
    let repository = |text: &str| {
        sound()
            .with(path, source)
            .with("docs/format/wal.md", &format!("{folder}\n{text}\n"))
    };
    let magic = "`LOG_MAGIC = *b\"TLOG\"`, then `a = b`";
    assert_eq!(findings(&repository(magic)), Vec::<String>::new());
    assert_eq!(
        findings(&repository("| `LOG_MAGIC` | `*b\"TLOG\"` |")),
        Vec::<String>::new()
    );
    assert_eq!(
        findings(&repository(&format!("{magic}\n- `CAP = 8*2`"))),
        Vec::<String>::new()
    );
    let other = format!("{magic}\n| `CAP` | `16` |");
    check(
        &repository(&other),
        "docs/format/wal.md:3:",
        "quotes `CAP` as `16`",
    );
    let unknown = format!("{magic} `MISSING = 16`");
    check(
        &repository(&unknown),
        "docs/format/wal.md:2:",
        "has a constant `MISSING`",
    );
    check(
        &repository("`CAP = 8 * 2`"),
        &format!("{path}:2:"),
        "quotes `LOG_MAGIC`",
    );
    let gone = format!("{magic} `tsdb-core/src/wal/gone.rs`");
    check(&repository(&gone), "docs/format/wal.md:0:", "which is gone");
    let empty = sound().with("docs/format/wal.md", "# Log\n");
    check(&empty, "docs/format/wal.md:0:", "quotes constants");
}

#[test]
fn a_golden_file_that_is_new_changed_or_gone_is_found() {
    // The SHA-256 of "a\n".
    let sum = "87428fc522803d31065e7bce3cf03fe475096631e5e07bbd7a0fde60c4cf25c7";
    let path = "tsdb-core/tests/testdata/v1/log";
    let list = format!("{sum}  {path}\n");
    let listed = |text: &str| sound().with("golden.sha256", &list).with(path, text);
    assert_eq!(findings(&listed("a\n")), Vec::<String>::new());
    check(&listed("b\n"), path, "never changes");
    check(&sound().with("golden.sha256", &list), path, "never goes");
    check(&sound().with(path, "a\n"), path, "is not listed");
}

#[track_caller]
fn check_metadata(name: &str, on: &str, kind: Option<&str>, words: Option<&str>) {
    let metadata =
        json!({"packages": [{"name": name, "dependencies": [{"name": on, "kind": kind}]}]});
    let found = crates::check_metadata(&sound(), &metadata);
    match words {
        None => assert!(found.is_empty(), "{found:?}"),
        Some(words) => assert!(
            found.len() == 1 && found.iter().all(|finding| finding.message.contains(words)),
            "{found:?}"
        ),
    }
}

#[test]
fn a_crate_that_depends_upwards_or_on_a_reserved_one_is_found() {
    check_metadata("tsdb-server", "tsdb-core", None, None);
    check_metadata("tsdb-core", "tsdb-core", Some("dev"), None);
    check_metadata(
        "tsdb-core",
        "tsdb-server",
        None,
        Some("must not depend on `tsdb-server`"),
    );
    check_metadata(
        "tsdb-core",
        "tsdb-server",
        Some("dev"),
        Some("must not depend"),
    );
    check_metadata(
        "tsdb-core",
        "xtask",
        None,
        Some("must not depend on `xtask` (rank 0)"),
    );
    check_metadata("tsdb-core", "tokio", None, Some("is for tsdb-server alone"));
    check_metadata("tsdb-core", "tokio", Some("dev"), None);
    check_metadata("tsdb-server", "tokio", None, None);
    check_metadata("tsdb-server", "anyhow", None, Some("is for xtask alone"));
    check_metadata("unheard-of", "a", None, Some("has no rank"));
    assert_eq!(crates::check_metadata(&sound(), &json!({})).len(), 1);
}

#[test]
fn a_heavy_or_banned_graph_of_the_core_is_found() {
    let tree = |more: &str| {
        format!("tsdb-core v0.1.0 (a/tsdb-core)\nroaring v1.0.0\nroaring v1.0.0 (*)\n{more}")
    };
    assert_eq!(crates::check_core_tree(&tree("")), Vec::new());
    let banned = crates::check_core_tree(&tree("serde v1.0.0\n"));
    assert!(banned[0].message.contains("`serde` must not"), "{banned:?}");
    let many: String = (0..43)
        .map(|number| format!("crate{number} v1.0.0\n"))
        .collect();
    assert_eq!(crates::check_core_tree(&tree(&many)), Vec::new());
    let heavy = crates::check_core_tree(&tree(&(many + "one-more v1.0.0\n")));
    assert!(heavy[0].message.contains("46 crates"), "{heavy:?}");
    assert!(!crates::check_core_tree("").is_empty());
}
