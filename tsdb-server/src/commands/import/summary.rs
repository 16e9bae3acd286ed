//! What an import says at its end.

use std::io::Write;

use super::tally::Tally;

/// Prints what was read, stored, refused and why, and what is damaged.
pub(super) fn print(tally: &Tally, dry: bool, out: &mut impl Write) -> std::io::Result<()> {
    writeln!(
        out,
        "read: {} series, {} samples ({} of them histograms); deleted in Prometheus and left out: {}",
        tally.series,
        tally.samples(),
        tally.histograms,
        tally.deleted
    )?;
    if dry {
        writeln!(out, "stored: nothing, as --dry-run asks")?;
    } else {
        writeln!(
            out,
            "stored: {} samples, those that were there already included; refused: {}",
            tally.stored, tally.refused
        )?;
    }
    let told: u64 = tally
        .reasons
        .values()
        .map(|refusals| refusals.samples)
        .sum();
    if tally.refused > told {
        let more = tally.refused - told;
        writeln!(
            out,
            "  {more} of the refusals were counted and not told one by one"
        )?;
    }
    for (reason, refusals) in &tally.reasons {
        writeln!(out, "  {} refused: {reason}", refusals.samples)?;
        for example in &refusals.examples {
            writeln!(out, "    {example}")?;
        }
    }
    if tally.damaged > 0 {
        writeln!(out, "damaged, and left out: {} places", tally.damaged)?;
        for place in &tally.damage {
            writeln!(out, "  {place}")?;
        }
        let more = tally.damaged.saturating_sub(tally.damage.len() as u64);
        if more > 0 {
            writeln!(out, "  and {more} more")?;
        }
    }
    Ok(())
}
