//! A small generator of random numbers (SplitMix64), so that one seed always makes the same system and the same walk.

/// Random numbers for scenery; never for secrets.
#[derive(Debug, Clone)]
pub(in crate::simulator) struct Rng(u64);

impl Rng {
    pub(in crate::simulator) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Seeds from a text, for ids that must be the same in every system.
    pub(in crate::simulator) fn from_text(text: &str) -> Self {
        // FNV-1a: any stable hash will do, and this one is three lines.
        let hash = text
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self(hash)
    }

    pub(in crate::simulator) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, or 0 when `bound` is 0.
    pub(in crate::simulator) fn below(&mut self, bound: usize) -> usize {
        let bound = bound.max(1) as u64;
        usize::try_from(self.next() % bound).unwrap_or(0)
    }

    /// True in `permille` of 1000 cases.
    pub(in crate::simulator) fn chance(&mut self, permille: u32) -> bool {
        self.next() % 1000 < u64::from(permille)
    }

    /// A random part of these, `0.1` for a tenth, at least one where there are any.
    pub(in crate::simulator) fn part<T>(&mut self, mut all: Vec<T>, fraction: f64) -> Vec<T> {
        let count = (all.len() as f64 * fraction.clamp(0.0, 1.0)).ceil() as usize;
        for nth in 0..count {
            let other = nth + self.below(all.len() - nth);
            all.swap(nth, other);
        }
        all.truncate(count);
        all
    }

    /// A GUID in lower case.
    pub(in crate::simulator) fn guid(&mut self) -> String {
        let bits = u128::from(self.next()) << 64 | u128::from(self.next());
        uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid().to_string()
    }
}
