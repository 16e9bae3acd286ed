//! Which versions of the protocol are understood.

use super::WireError;

/// The version that this build speaks. Rises when a message or payload gains something that a
/// peer must know of; what one may leave away, or not see, is added without.
pub const PROTOCOL_VERSION: u32 = 1;
/// The oldest version that this build understands: the one before [`PROTOCOL_VERSION`], if there
/// was one.
pub const OLDEST_PROTOCOL_VERSION: u32 = 1;

/// Whether a peer of this version is understood.
///
/// # Errors
/// [`WireError::Version`], which names both sides' versions, when it is not.
pub fn check_version(theirs: u32) -> Result<(), WireError> {
    if (OLDEST_PROTOCOL_VERSION..=PROTOCOL_VERSION).contains(&theirs) {
        return Ok(());
    }
    Err(WireError::Version {
        theirs,
        oldest: OLDEST_PROTOCOL_VERSION,
        newest: PROTOCOL_VERSION,
    })
}
