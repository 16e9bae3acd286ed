//! The sums of products behind the fingerprints: NH (Black, Halevi, Krawczyk, Krovetz, Rogaway:
//! "UMAC", 1999), twice with other keys, then a multilinear hash of each sum and the length
//! (Lemire, Kaser: "Strongly universal string hashing is fast", 2014).

/// Bytes that go through one product.
pub(super) const BLOCK_BYTES: usize = 16;

/// Keys of one product in each half: first and second factor of the high half, then of the low.
pub(super) type ProductKeys = [u64; 4];

/// Reduces a sum of products and a length to 64 bits, multilinearly.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fold {
    pub(super) constant: u128,
    pub(super) low: u128,
    pub(super) high: u128,
    pub(super) length: u128,
}

impl Fold {
    /// The part of the result that depends on the length alone.
    #[inline]
    fn start(&self, length: usize) -> u128 {
        let length = self.length.wrapping_mul(u128::from(length as u64));
        self.constant.wrapping_add(length)
    }

    #[inline]
    fn fold(&self, start: u128, sum: u128) -> u64 {
        let times = |key: u128, number: u64| key.wrapping_mul(u128::from(number));
        let folded = start
            .wrapping_add(times(self.low, sum as u64))
            .wrapping_add(times(self.high, (sum >> 64) as u64));
        (folded >> 64) as u64
    }
}

/// Products, or sums of them, of both halves.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    pub(super) high: u128,
    pub(super) low: u128,
}

impl Sums {
    #[inline(always)]
    pub(super) fn product(key: &ProductKeys, high: (u64, u64), low: (u64, u64)) -> Self {
        let product = |a: u64, b: u64, key: (u64, u64)| {
            u128::from(a.wrapping_add(key.0)) * u128::from(b.wrapping_add(key.1))
        };
        let [high_a, high_b, low_a, low_b] = *key;
        Self {
            high: product(high.0, high.1, (high_a, high_b)),
            low: product(low.0, low.1, (low_a, low_b)),
        }
    }

    #[inline(always)]
    pub(super) fn add(&mut self, more: Self) {
        self.high = self.high.wrapping_add(more.high);
        self.low = self.low.wrapping_add(more.low);
    }

    #[inline(always)]
    pub(super) fn subtract(&mut self, less: Self) {
        self.high = self.high.wrapping_sub(less.high);
        self.low = self.low.wrapping_sub(less.low);
    }

    #[inline(always)]
    pub(super) fn fold(self, folds: &[Fold; 2], starts: Self) -> (u64, u64) {
        let [high, low] = folds;
        (
            high.fold(starts.high, self.high),
            low.fold(starts.low, self.low),
        )
    }

    #[inline(always)]
    pub(super) fn starts(folds: &[Fold; 2], length: usize) -> Self {
        let [high, low] = folds;
        Self {
            high: high.start(length),
            low: low.start(length),
        }
    }
}

/// The two words of a block.
#[inline(always)]
pub(super) fn words(block: &[u8; BLOCK_BYTES]) -> (u64, u64) {
    let number = u128::from_le_bytes(*block);
    (number as u64, (number >> 64) as u64)
}
