//! Memory for decoding, out of the budget of requests in flight.

use crate::error::DecodeError;
use crate::inflight::BytePermit;

/// How many bytes are taken out of the shared budget at a time.
const CHARGE_STEP: u64 = 1 << 20;

/// Memory taken out of the shared budget, in steps.
pub(super) struct Charge<'d> {
    permit: Option<&'d BytePermit>,
    /// Bytes taken already and not used yet.
    free: u64,
}

impl<'d> Charge<'d> {
    /// For a decoded body, which is paid for.
    pub(super) fn new(body: &[u8], permit: Option<&'d BytePermit>) -> Self {
        Self {
            permit,
            free: (body.len() as u64).max(CHARGE_STEP),
        }
    }

    /// Takes `bytes` before they are used.
    #[inline]
    pub(super) fn take(&mut self, bytes: u64) -> Result<(), DecodeError> {
        match self.free.checked_sub(bytes) {
            Some(free) => {
                self.free = free;
                Ok(())
            }
            None => self.grow(bytes),
        }
    }

    #[cold]
    fn grow(&mut self, bytes: u64) -> Result<(), DecodeError> {
        let more = bytes.max(CHARGE_STEP);
        if let Some(permit) = self.permit {
            permit.grow(more)?;
        }
        self.free = self.free + more - bytes;
        Ok(())
    }
}
