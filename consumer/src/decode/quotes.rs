//! Where the quotes of a record stand, found at once for all of it.
//!
//! A record is *plain* if it is UTF-8 without backslashes and control characters: each of its strings then ends at
//! the next quote. Searching that quote string by string makes each search wait for the one before; here 64 bytes
//! become the bits of one word, whatever they mean (G. Langdale and D. Lemire, Parsing Gigabytes of JSON per Second,
//! 2019, 3.1), and the end of a string is the next bit.
//!
//! Only on x86-64, where each processor has SSE2; elsewhere no record is found plain, and all are read by
//! [`Scanner`](super::scan::Scanner) alone.

#![cfg_attr(
    target_arch = "x86_64",
    expect(
        unsafe_code,
        reason = "vector instructions are for some processors only"
    )
)]

/// Bytes that become one word.
const BLOCK: usize = 64;

/// The quotes of one plain record.
#[derive(Debug, Default)]
pub(super) struct Quotes {
    /// A bit a byte, the lowest for the first.
    words: Vec<u64>,
}

impl Quotes {
    /// Whether the record is plain; its quotes are known then.
    #[inline(always)]
    pub(super) fn find(&mut self, record: &[u8]) -> bool {
        #[cfg(target_arch = "x86_64")]
        {
            self.words.clear();
            // SAFETY: SSE2 belongs to x86-64.
            let plain_ascii = unsafe { sse2::find(record, &mut self.words) };
            plain_ascii || is_plain(record)
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            let _ = record;
            false
        }
    }

    /// The first quote at `at` or behind.
    #[inline(always)]
    pub(super) fn next(&self, at: usize) -> Option<usize> {
        let (first, bit) = (at / BLOCK, at % BLOCK);
        // Most strings reach into the next word at most. Both at once: whether one does cannot be foreseen.
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

/// Whether a record is plain that is not all ASCII.
#[cfg(target_arch = "x86_64")]
#[inline(never)]
fn is_plain(record: &[u8]) -> bool {
    // Not up to the first that is found: this is as fast as memory.
    let special = |found, byte: &u8| found | (*byte < 0x20) | (*byte == b'\\');
    !record.iter().fold(false, special) && simdutf8::basic::from_utf8(record).is_ok()
}

#[cfg(target_arch = "x86_64")]
mod sse2 {
    use std::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_cmplt_epi8, _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x,
        _mm_set1_epi8, _mm_setzero_si128,
    };

    use super::BLOCK;

    /// Sets a bit for each quote, and a word without any behind the last. Whether all bytes are ASCII, and none is a
    /// backslash or a control character.
    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn find(record: &[u8], words: &mut Vec<u64>) -> bool {
        let (blocks, rest) = record.as_chunks::<BLOCK>();
        let mut last = [b' '; BLOCK];
        if let Some(start) = last.get_mut(..rest.len()) {
            start.copy_from_slice(rest);
        }
        let quote = _mm_set1_epi8(b'"'.cast_signed());
        let backslash = _mm_set1_epi8(b'\\'.cast_signed());
        let blank = _mm_set1_epi8(b' '.cast_signed());
        let mut special = _mm_setzero_si128();
        let mut word = |block: &[u8; BLOCK]| {
            let mut word = 0;
            for (sixteen, at) in block.as_chunks().0.iter().zip([0, 16, 32, 48]) {
                let bytes = load(sixteen);
                let quotes = _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, quote));
                word |= u64::from(quotes.cast_unsigned()) << at;
                // Signed: what is not ASCII is less than a blank as well.
                let low = _mm_cmplt_epi8(bytes, blank);
                let either = _mm_or_si128(low, _mm_cmpeq_epi8(bytes, backslash));
                special = _mm_or_si128(special, either);
            }
            word
        };
        words.extend(blocks.iter().map(&mut word));
        words.extend([word(&last), 0]);
        _mm_movemask_epi8(special) == 0
    }

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

    /// Bytes of which most are plain, and long runs without a quote.
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
            // Of another record nothing is left.
            quotes.find(&before);
            let plain = str::from_utf8(&record)
                .is_ok_and(|text| text.chars().all(|letter| letter >= ' ' && letter != '\\'));
            prop_assert_eq!(quotes.find(&record), plain);
            for at in 0..record.len() + 70 {
                let searched = record.iter().skip(at).position(|byte| *byte == b'"');
                prop_assert_eq!(quotes.next(at), searched.map(|behind| at + behind), "{}", at);
            }
        }
    }
}
