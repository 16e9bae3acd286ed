//! Files of settings.

use tsdb_server::config::load;

/// A file that is taken sets no flag twice, and what is said of any file names a place in it.
pub(crate) fn file(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let environment = [("HOST".to_owned(), "node-1".to_owned())];
    let lines = text.lines().count().max(1) as u64;
    match load(text, &environment) {
        Ok(loaded) => {
            let mut flags: Vec<_> = loaded.flags.iter().map(|(flag, _)| flag).collect();
            flags.sort_unstable();
            assert!(flags.windows(2).all(|pair| pair[0] != pair[1]), "{flags:?}");
            for warning in &loaded.warnings {
                assert!(warning.place.line <= lines, "{warning:?}");
                assert!(warning.render("file", text).starts_with("file:"));
            }
            assert_eq!(load(text, &environment).as_ref(), Ok(&loaded));
        }
        Err(error) => assert!(error.render("file", text).starts_with("file:")),
    }
}
