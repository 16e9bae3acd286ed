//! Plays a target over kept and made-up inputs, and says which one it fails on.

use std::fmt;
use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use peak_alloc::PeakAlloc;

use crate::mutate::{Chance, mutate};
use crate::targets::Target;

/// Longest input that mutation makes, in bytes.
const INPUT_BYTES_MAX: usize = 4_096;

/// Plays targets; counts memory when `memory` is the process' allocator.
#[derive(Debug)]
pub struct Harness {
    /// The allocator that the process runs on.
    pub memory: &'static PeakAlloc,
    /// How many inputs mutation makes for a target.
    pub mutations: u32,
    /// The same seed makes the same inputs.
    pub seed: u64,
}

/// An input on which a target failed.
#[derive(Debug)]
pub struct Failure {
    /// The target's name.
    pub target: &'static str,
    /// Where the input comes from.
    pub origin: String,
    /// The input.
    pub input: Vec<u8>,
    /// What the target said, or what it took.
    pub message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex: String = self
            .input
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        write!(
            f,
            "{} failed on {}: {}\n  {hex}",
            self.target, self.origin, self.message
        )
    }
}

impl Harness {
    /// Plays all kept inputs of a target and then mutations of them; gives back how many.
    ///
    /// # Errors
    /// With the first input on which the target panics or takes more memory than it may.
    pub fn play(&self, target: &Target, folder: &Path) -> Result<u32, Box<Failure>> {
        let mut kept = read_folder(&folder.join("corpus").join(target.name));
        kept.extend(read_folder(&folder.join("regressions").join(target.name)));
        // What a target makes once and keeps is not memory of an input.
        let warm = catch_unwind(AssertUnwindSafe(|| (target.run)(&[])));
        if warm.is_err() {
            self.play_input(target, "the empty input", &[])?;
        }
        let mut played = 0;
        for (origin, input) in &kept {
            self.play_input(target, origin, input)?;
            played += 1;
        }
        let mut seeds: Vec<Vec<u8>> = kept.into_iter().map(|(_, input)| input).collect();
        seeds.push(Vec::new());
        let name_sum: u64 = target.name.bytes().map(u64::from).sum();
        let mut chance = Chance::new(self.seed ^ name_sum << 32);
        for number in 0..self.mutations / target.slowness {
            let input = mutate(&seeds, &mut chance, INPUT_BYTES_MAX);
            self.play_input(
                target,
                &format!("mutation {number} of seed {}", self.seed),
                &input,
            )?;
            played += 1;
        }
        Ok(played)
    }

    fn play_input(&self, target: &Target, origin: &str, input: &[u8]) -> Result<(), Box<Failure>> {
        let fail = |message: String| {
            Box::new(Failure {
                target: target.name,
                origin: origin.to_owned(),
                input: input.to_vec(),
                message,
            })
        };
        self.memory.reset_peak_usage();
        let before = self.memory.peak_usage();
        let outcome = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
        let took = self.memory.peak_usage().saturating_sub(before);
        if let Err(panic) = outcome {
            let text = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied());
            return Err(fail(text.unwrap_or("panicked without a text").to_owned()));
        }
        let may = target.base_bytes + target.bytes_per_input_byte * input.len();
        if took > may {
            let len = input.len();
            return Err(fail(format!(
                "took {took} bytes for an input of {len}, at most {may} may be"
            )));
        }
        Ok(())
    }
}

/// The files of a folder in the order of their names; a folder that is not there has none.
#[expect(clippy::disallowed_methods, reason = "the corpus is a real folder")]
fn read_folder(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => panic!("listing {}: {error}", folder.display()),
    };
    let mut files: Vec<(String, Vec<u8>)> = entries
        .map(|entry| {
            let path = entry.expect("a folder's entry").path();
            let bytes = fs::read(&path).expect("a kept input can be read");
            (path.display().to_string(), bytes)
        })
        .collect();
    files.sort();
    files
}
