//! Gzip unpacked piece by piece, so that no input makes much of little.

use std::io::Write;

use flate2::write::MultiGzDecoder;

use super::IntakeError;

/// Bytes unpacked at a time; gzip makes at most about a thousand times as many of them.
const PIECE_BYTES: usize = 1024;
/// How many bytes a byte may become in the long run. Text of metrics becomes ten or twenty.
const RATIO_MAX: u64 = 500;
/// Up to so many bytes anything may unpack to.
const FREE_BYTES: u64 = 16 << 20;

/// Unpacks one text.
pub(super) struct Gunzip {
    decoder: MultiGzDecoder<Vec<u8>>,
    packed: u64,
    unpacked: u64,
}

impl std::fmt::Debug for Gunzip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gunzip")
            .field("packed", &self.packed)
            .field("unpacked", &self.unpacked)
            .finish_non_exhaustive()
    }
}

impl Gunzip {
    pub(super) fn new() -> Self {
        Self {
            decoder: MultiGzDecoder::new(Vec::new()),
            packed: 0,
            unpacked: 0,
        }
    }

    /// Takes a small piece from the front of `packed`; how much it took, and what it became.
    pub(super) fn piece(&mut self, packed: &[u8]) -> Result<(usize, Vec<u8>), IntakeError> {
        let piece = packed.get(..PIECE_BYTES).unwrap_or(packed);
        let taken = self.decoder.write(piece).map_err(IntakeError::Gzip)?;
        if taken == 0 && !piece.is_empty() {
            let error = "bytes follow behind its end";
            return Err(IntakeError::Gzip(std::io::Error::other(error)));
        }
        self.packed += taken as u64;
        Ok((taken, self.taken()?))
    }

    /// The input has ended: what is still inside comes out, if nothing is missing.
    pub(super) fn finish(&mut self) -> Result<Vec<u8>, IntakeError> {
        self.decoder.try_finish().map_err(IntakeError::Gzip)?;
        self.taken()
    }

    fn taken(&mut self) -> Result<Vec<u8>, IntakeError> {
        let out = std::mem::take(self.decoder.get_mut());
        self.unpacked += out.len() as u64;
        let most = self.packed.saturating_mul(RATIO_MAX).max(FREE_BYTES);
        if self.unpacked > most {
            return Err(IntakeError::Bomb {
                packed: self.packed,
                unpacked: self.unpacked,
            });
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).expect("a Vec takes all");
        encoder.finish().expect("a Vec takes all")
    }

    fn gunzip(mut packed: &[u8], longest: &mut usize) -> Result<Vec<u8>, IntakeError> {
        let mut gunzip = Gunzip::new();
        let mut out = Vec::new();
        while !packed.is_empty() {
            let (taken, piece) = gunzip.piece(packed)?;
            packed = &packed[taken..];
            *longest = piece.len().max(*longest);
            out.extend(piece);
        }
        out.extend(gunzip.finish()?);
        Ok(out)
    }

    #[test]
    fn members_are_joined_and_what_is_missing_or_damaged_is_seen() {
        let text: Vec<u8> = (0..200_000_u32)
            .flat_map(|n| n.to_string().into_bytes())
            .collect();
        let packed = [gzip(&text), gzip(b"more")].concat();
        let whole = gunzip(&packed, &mut 0).expect("two members");
        assert_eq!(whole, [text.as_slice(), b"more"].concat());
        for end in [5, packed.len() / 2, packed.len() - 1] {
            let error = gunzip(&packed[..end], &mut 0).expect_err("cut off");
            assert!(error.to_string().contains("gzip"), "{error}");
        }
        let mut damaged = gzip(&text);
        let middle = damaged.len() / 2;
        damaged[middle] ^= 0x55;
        gunzip(&damaged, &mut 0).expect_err("damaged");
        let trailing = [gzip(b"a"), b"no gzip".to_vec()].concat();
        gunzip(&trailing, &mut 0).expect_err("bytes behind its end");
    }

    #[test]
    fn a_bomb_is_refused_before_it_takes_memory() {
        let packed = gzip(&vec![b'\n'; 48 << 20]);
        let mut longest = 0;
        let error = gunzip(&packed, &mut longest).expect_err("a bomb");
        assert!(matches!(error, IntakeError::Bomb { .. }), "{error}");
        assert!(error.to_string().contains("500 times"), "{error}");
        assert!(longest < 2 << 20, "{longest} bytes at once");
    }
}
