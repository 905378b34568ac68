//! Makes all random choices of the program.
//!
//! The same seed gives the same draws on every machine: ChaCha with 8 rounds is specified to the bit, and the
//! distributions are integer arithmetic that is written out here. `rand`'s own distributions may change between
//! releases, and floating-point `exp` and `ln` differ between platforms. The one exception is people's names, which
//! `fake` chooses: Cargo.lock pins its version, and a test compares the checksum of a seed's records, so that no update
//! changes them unnoticed.

use rand::Rng;
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

/// A ratio of records, from 0 (none) to 1 (all).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ratio {
    /// How many of 2³² equally likely draws say yes.
    of_two_to_32: u64,
}

impl Ratio {
    /// The ratio that selects no record.
    pub const NONE: Self = Self { of_two_to_32: 0 };

    /// Returns the ratio `value`, or `None` when it is not between 0 and 1.
    pub fn new(value: f64) -> Option<Self> {
        // Multiplying by a power of two is exact, so the result is the same on every machine.
        (0.0..=1.0).contains(&value).then_some(Self {
            of_two_to_32: (value * 4_294_967_296.0) as u64,
        })
    }
}

/// A seeded sequence of draws.
#[derive(Debug)]
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    /// Starts the sequence that `seed` stands for.
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Returns the random generator itself, which the `fake` crate needs to choose names.
    pub(crate) fn rng(&mut self) -> &mut ChaCha8Rng {
        &mut self.0
    }

    /// Draws a number below `bound` (0 when `bound` is 0) by multiply and shift. The bias is at most `bound` / 2³²,
    /// which is far below what the number of records could show.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        ((u64::from(self.0.next_u32()) * u64::from(bound)) >> 32) as u32
    }

    /// Draws a number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u32, high: u32) -> u32 {
        match high.saturating_sub(low).checked_add(1) {
            Some(width) => low + self.below(width),
            None => self.0.next_u32(),
        }
    }

    /// Draws a 64-bit number from `low` to `high`, both included.
    pub(crate) fn between_u64(&mut self, low: u64, high: u64) -> u64 {
        let width = u128::from(high.saturating_sub(low)) + 1;
        low + ((u128::from(self.0.next_u64()) * width) >> 64) as u64
    }

    /// Draws a number below `bound` that is more often small than large: half of the draws fall into the first quarter.
    /// The density falls with the square root, like the visits of regular customers.
    pub(crate) fn low_below(&mut self, bound: u32) -> u32 {
        let u = u64::from(self.0.next_u32());
        let squared = (u * u) >> 32;
        ((squared * u64::from(bound)) >> 32) as u32
    }

    /// Returns true in `ratio` of the draws. Draws nothing from the sequence when the ratio is none.
    pub(crate) fn chance(&mut self, ratio: Ratio) -> bool {
        ratio.of_two_to_32 > 0 && u64::from(self.0.next_u32()) < ratio.of_two_to_32
    }

    /// Returns true once in `n` draws on average.
    pub(crate) fn one_in(&mut self, n: u32) -> bool {
        self.below(n) == 0
    }

    /// Draws an index into `weights`; each index is as likely as its weight says.
    pub(crate) fn weighted(&mut self, weights: impl IntoIterator<Item = u32> + Clone) -> usize {
        let total = weights.clone().into_iter().sum();
        let mut left = self.below(total);
        for (index, weight) in weights.into_iter().enumerate() {
            if left < weight {
                return index;
            }
            left -= weight;
        }
        0
    }

    /// Draws one of `choices`, all equally likely.
    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u32) as usize]
    }

    /// Draws 128 random bits.
    pub(crate) fn bits(&mut self) -> u128 {
        u128::from(self.0.next_u64()) << 64 | u128::from(self.0.next_u64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_outside_zero_to_one_is_refused() {
        assert_eq!(Ratio::new(2.0), None);
        assert_eq!(Ratio::new(-0.1), None);
        assert_eq!(Ratio::new(f64::NAN), None);
    }

    #[test]
    fn a_ratio_of_one_always_says_yes_and_of_none_never() {
        let mut dice = Dice::new(1);
        let all = Ratio::new(1.0).unwrap();
        assert!((0..1000).all(|_| dice.chance(all)));
        assert!((0..1000).all(|_| !dice.chance(Ratio::NONE)));
    }

    #[test]
    fn weights_are_obeyed() {
        let mut dice = Dice::new(1);
        let mut seen = [0u32; 3];
        for _ in 0..10_000 {
            seen[dice.weighted([70, 0, 30])] += 1;
        }
        assert_eq!(seen[1], 0);
        assert!((6_800..7_200).contains(&seen[0]), "{seen:?}");
    }

    #[test]
    fn between_reaches_both_ends_and_nothing_else() {
        let mut dice = Dice::new(1);
        let drawn: std::collections::BTreeSet<u32> =
            (0..1000).map(|_| dice.between(8, 20)).collect();
        assert_eq!(
            drawn.into_iter().collect::<Vec<_>>(),
            (8..=20).collect::<Vec<_>>()
        );
    }
}
