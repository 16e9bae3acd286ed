//! Pages of the manual, one for each command, made from what `--help` says.

use std::io;
use std::path::Path;

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;

use super::{CommandError, CommandLine};

/// What each page is a part of.
const MANUAL: &str = "tsdb-server";
const SOURCE: &str = concat!("tsdb-server ", env!("CARGO_PKG_VERSION"));

/// Writes all pages to a folder, which is made if it is not there.
pub(super) fn write_pages(folder: &Path) -> Result<(), CommandError> {
    let cannot = |path: &Path| {
        let path = path.to_owned();
        move |source| CommandError::Unwritten { path, source }
    };
    std::fs::create_dir_all(folder).map_err(cannot(folder))?;
    for (name, page) in pages()? {
        let path = folder.join(name);
        write(&path, &page).map_err(cannot(&path))?;
    }
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a page of the manual is no data of the database"
)]
fn write(path: &Path, page: &[u8]) -> io::Result<()> {
    std::fs::write(path, page)
}

/// Every page with the name of its file.
fn pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut all = Vec::new();
    let mut command = CommandLine::command().disable_help_subcommand(true);
    command.build();
    collect(&command, &mut all)?;
    Ok(all)
}

fn collect(command: &Command, all: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
    let man = Man::new(command.clone()).manual(MANUAL).source(SOURCE);
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    let after = command.get_after_help().map(ToString::to_string);
    page.extend(examples(&after.unwrap_or_default()).into_bytes());
    all.push((man.get_filename(), page));
    for command in command.get_subcommands() {
        collect(command, all)?;
    }
    Ok(())
}

/// The text behind the help as it stands: its lines and blanks mean something.
fn examples(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let mut section = ".SH EXAMPLES\n.nf\n".to_owned();
    for line in text.lines().filter(|line| *line != "Examples:") {
        let line = line.replace('\\', "\\e").replace('-', "\\-");
        // A line that begins so would be a command to the formatter.
        if line.starts_with(['.', '\'']) {
            section.push_str("\\&");
        }
        section.push_str(&line);
        section.push('\n');
    }
    section.push_str(".fi\n");
    section
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_with_its_examples() {
        let pages = pages().expect("in memory");
        let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
        for name in ["", "-backup", "-config-show", "-generate-man", "-health"] {
            let name = format!("tsdb-server{name}.1");
            assert!(names.contains(&name.as_str()), "{name}: {names:?}");
        }
        for (name, page) in &pages {
            let page = String::from_utf8_lossy(page);
            assert!(page.contains(".SH EXAMPLES\n"), "{name}");
            assert!(page.contains("  tsdb\\-server"), "{name}");
        }
    }

    #[test]
    fn lines_stay_and_none_is_a_command_to_the_formatter() {
        let text = "Examples:\n  a --b\n'q\n.x \\";
        let wanted = ".SH EXAMPLES\n.nf\n  a \\-\\-b\n\\&'q\n\\&.x \\e\n.fi\n";
        assert_eq!(examples(text), wanted);
        assert_eq!(examples(""), "");
    }
}
