//! Prometheus' text exposition format, as far as its own exporters write it.

use anyhow::{Context as _, bail};

/// One line of a scrape: the series as it was written and its value.
#[derive(Debug, PartialEq)]
pub(super) struct ExposedSample {
    /// `name{label="value"}`, escapes kept.
    pub(super) series: String,
    pub(super) value: f64,
}

/// Parses a whole page; comments are skipped, timestamps refused.
pub(super) fn parse_page(page: &str) -> anyhow::Result<Vec<ExposedSample>> {
    page.lines()
        .enumerate()
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(number, line)| {
            parse_line(line).with_context(|| format!("line {} of a scrape: {line}", number + 1))
        })
        .collect()
}

fn parse_line(line: &str) -> anyhow::Result<ExposedSample> {
    let end = series_end(line)?;
    let (series, rest) = line
        .split_at_checked(end)
        .context("series ends inside a character")?;
    let mut fields = rest.split_whitespace();
    let value = fields.next().context("no value")?;
    if fields.next().is_some() {
        bail!("a timestamp behind the value: such exporters are not captured");
    }
    let value = value
        .parse()
        .with_context(|| format!("`{value}` is no number"))?;
    Ok(ExposedSample {
        series: series.to_owned(),
        value,
    })
}

/// Where the value begins: behind the closing brace that no quotes hold, or at the first space.
fn series_end(line: &str) -> anyhow::Result<usize> {
    let mut quoted = false;
    let mut escaped = false;
    let mut braces = false;
    for (index, byte) in line.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' if !quoted => braces = true,
            b'}' if !quoted => return Ok(index + 1),
            b' ' if !quoted && !braces => return Ok(index),
            _ => {}
        }
    }
    bail!("no value behind the series")
}
