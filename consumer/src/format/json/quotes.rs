//! The places of all quotes of a record, found in one pass over it.
//!
//! A record is *plain* if it is UTF-8 without backslashes and control characters. Each of its strings then ends at the
//! next quote. If that quote is searched for string by string, each search has to wait for the one before. Here 64
//! bytes become the bits of one word, whatever they mean (G. Langdale and D. Lemire, Parsing Gigabytes of JSON per
//! Second, 2019, 3.1), and the end of a string is the next set bit.
//!
//! This works only on x86-64, where each processor has SSE2. On other processors no record counts as plain, and
//! [`Scanner`](super::scan::Scanner) alone reads all records.

#![cfg_attr(
    target_arch = "x86_64",
    expect(
        unsafe_code,
        reason = "vector instructions are for some processors only"
    )
)]

/// The number of bytes that become one word.
const BLOCK: usize = 64;

/// The quotes of one plain record. The memory is used again for the next record: an eighth of the largest record's
/// bytes.
#[derive(Debug, Default)]
pub(super) struct Quotes {
    /// One bit for each byte, the lowest bit for the first byte. A word without set bits follows the last one.
    words: Vec<u64>,
}

impl Quotes {
    /// Finds the quotes of `record`, if it is plain.
    #[inline(always)]
    pub(super) fn find(&mut self, record: &[u8]) -> Option<&Self> {
        #[cfg(target_arch = "x86_64")]
        {
            self.words.clear();
            // SAFETY: SSE2 belongs to x86-64.
            let is_plain = match unsafe { sse2::find(record, &mut self.words) } {
                Text::Ascii => true,
                Text::Backslashes => false,
                Text::Other => is_plain(record),
            };
            is_plain.then_some(&*self)
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            let _ = record;
            None
        }
    }

    /// Returns the place of the first quote at `at` or after it.
    #[inline(always)]
    pub(super) fn next(&self, at: usize) -> Option<usize> {
        let (first, bit) = (at / BLOCK, at % BLOCK);
        // Most strings end in this word or the next one. Both are looked at together, since the processor cannot
        // predict in which of them a string ends.
        let low = self.words.get(first)? >> bit;
        let high = self.words.get(first + 1)? << 1 << (BLOCK - 1 - bit);
        let both = low | high;
        if both != 0 {
            return Some(at + both.trailing_zeros() as usize);
        }
        let (behind, word) = (first + 1..)
            .zip(self.words.get(first + 1..)?)
            .find(|(_, word)| **word != 0)?;
        Some(behind * BLOCK + word.trailing_zeros() as usize)
    }
}

/// The kind of bytes that a record has.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
enum Text {
    /// The record is ASCII without backslashes and control characters, so it is plain.
    Ascii,
    /// The record has backslashes.
    Backslashes,
    /// The record has no backslashes, but has control characters or bytes that are not ASCII.
    Other,
}

/// Returns whether a record without backslashes is plain.
#[cfg(target_arch = "x86_64")]
#[inline(never)]
fn is_plain(record: &[u8]) -> bool {
    // The search looks at all bytes instead of stopping at the first control character, so it takes many bytes in each
    // step.
    let control = |found, byte: &u8| found | (*byte < b' ');
    !record.iter().fold(false, control) && simdutf8::basic::from_utf8(record).is_ok()
}

#[cfg(target_arch = "x86_64")]
mod sse2 {
    use std::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_cmplt_epi8, _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x,
        _mm_set1_epi8, _mm_setzero_si128,
    };

    use super::{BLOCK, Text};

    /// Sets a bit in `words` for each quote.
    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn find(record: &[u8], words: &mut Vec<u64>) -> Text {
        let (blocks, rest) = record.as_chunks::<BLOCK>();
        let quote = _mm_set1_epi8(b'"'.cast_signed());
        let backslash = _mm_set1_epi8(b'\\'.cast_signed());
        let blank = _mm_set1_epi8(b' '.cast_signed());
        let mut backslashes = _mm_setzero_si128();
        let mut low = _mm_setzero_si128();
        let mut word = |block: &[u8; BLOCK]| {
            let mut word = 0;
            for (sixteen, at) in block.as_chunks().0.iter().zip([0, 16, 32, 48]) {
                let bytes = load(sixteen);
                let quotes = _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, quote));
                word |= u64::from(quotes.cast_unsigned()) << at;
                backslashes = _mm_or_si128(backslashes, _mm_cmpeq_epi8(bytes, backslash));
                // The comparison is signed, so a byte that is not ASCII is less than a blank, too.
                low = _mm_or_si128(low, _mm_cmplt_epi8(bytes, blank));
            }
            word
        };
        words.extend(blocks.iter().map(&mut word));
        // The rest is read together with bytes before it that have been read already, because copying the rest costs
        // more.
        let last = match record.last_chunk() {
            Some(last) => word(last),
            None => word(&padded(record)),
        };
        // The shift is done in two steps because a rest of no bytes would need a shift by all 64 bits.
        words.extend([last >> 1 >> (BLOCK - 1 - rest.len()), 0]);
        let any = |bytes| _mm_movemask_epi8(bytes) != 0;
        match (any(backslashes), any(low)) {
            (true, _) => Text::Backslashes,
            (false, true) => Text::Other,
            (false, false) => Text::Ascii,
        }
    }

    /// Returns a record that is shorter than a block, with blanks before it.
    fn padded(record: &[u8]) -> [u8; BLOCK] {
        let mut block = [b' '; BLOCK];
        if let Some(end) = block.get_mut(BLOCK - record.len()..) {
            end.copy_from_slice(record);
        }
        block
    }

    /// Loads the bytes from a value. `_mm_loadu_si128` would load them from a pointer, which would not be safe; this
    /// becomes the same single instruction.
    #[inline]
    #[target_feature(enable = "sse2")]
    fn load(sixteen: &[u8; 16]) -> __m128i {
        let both = u128::from_le_bytes(*sixteen).cast_signed();
        _mm_set_epi64x((both >> 64) as i64, both as i64)
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Makes bytes of which most are plain, and long runs without a quote.
    fn record() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![
            60 => 0x61..0x7b_u8,
            20 => Just(b'"'),
            1 => prop::sample::select(b"\\\x1f\x20\x7f\xc3\xa9\xff!\x21\x5b\x5d\0".to_vec()),
        ];
        let run = (0..200_usize).prop_map(|length| vec![b'x'; length]);
        prop_oneof![
            vec(byte, 0..300),
            vec(prop_oneof![run, Just(vec![b'"'])], 0..8).prop_map(|runs| runs.concat()),
        ]
    }

    proptest! {
        #[test]
        fn quotes_are_those_that_a_search_finds(before in record(), record in record()) {
            let mut quotes = Quotes::default();
            // The quotes of the record before must have no effect.
            quotes.find(&before);
            let plain = str::from_utf8(&record)
                .is_ok_and(|text| text.chars().all(|letter| letter >= ' ' && letter != '\\'));
            let quotes = quotes.find(&record);
            prop_assert_eq!(quotes.is_some(), plain);
            let Some(quotes) = quotes else {
                return Ok(());
            };
            for at in 0..record.len() + 70 {
                let searched = record.iter().skip(at).position(|byte| *byte == b'"');
                prop_assert_eq!(quotes.next(at), searched.map(|behind| at + behind), "{}", at);
            }
        }
    }
}
