//! The name of a query's identity, under which a location stores its checkpoints.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use serde::Serialize;
use thiserror::Error;
use twox_hash::XxHash3_64;

/// The name of an identity: 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint(u64);

/// The error for a text that is no fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a fingerprint has 16 hexadecimal digits")]
pub struct NoFingerprint;

impl Fingerprint {
    /// Returns the fingerprint of `identity`, which is the same on every machine.
    ///
    /// # Errors
    /// Fails if it cannot be written as JSON, which only a fault in this program can bring about.
    pub(super) fn of(identity: &impl Serialize) -> Result<Self, serde_json::Error> {
        // A 64-bit hash that is not cryptographic is enough: those who can write to the location can do anything, and
        // the full identity is stored beside the checkpoints and compared.
        serde_json::to_vec(identity).map(|text| Self(XxHash3_64::oneshot(&text)))
    }
}

impl Display for Fingerprint {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for Fingerprint {
    type Err = NoFingerprint;

    fn from_str(text: &str) -> Result<Self, NoFingerprint> {
        let fingerprint = u64::from_str_radix(text, 16).map_err(|_error| NoFingerprint)?;
        let fingerprint = Self(fingerprint);
        // Each fingerprint has only one text, which is the name of its folder.
        if fingerprint.to_string() == text {
            Ok(fingerprint)
        } else {
            Err(NoFingerprint)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_it_is_written_and_in_no_other_way() {
        let fingerprint = Fingerprint(0xab);
        assert_eq!(fingerprint.to_string(), "00000000000000ab");
        assert_eq!("00000000000000ab".parse(), Ok(fingerprint));
        for other in ["ab", "00000000000000AB", "+0000000000000ab", "", "x"] {
            assert_eq!(other.parse::<Fingerprint>(), Err(NoFingerprint), "{other}");
        }
    }
}
