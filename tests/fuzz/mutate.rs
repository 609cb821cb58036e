//! Changing seeds at random, repeatably.

/// SplitMix64.
pub struct Random(u64);

/// Pieces that parsers stumble over.
const PIECES: [&[u8]; 40] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b",",
    b":",
    b"\\u0000",
    b"\\ud800",
    b"1e999",
    b"-0",
    b"null",
    b"\xff",
    b"\xc0\x80",
    b"<",
    b"</",
    b"/>",
    b"<!DOCTYPE a [",
    b"&#0;",
    b"]]>",
    b"xmlns:a=\"b\"",
    b"%PDF-",
    b"obj",
    b"stream",
    b"/Names",
    b"(",
    b")",
    b"|",
    b"99999999999999999999",
    b"-1",
    b"%00",
    b"&",
    b"=",
    b"\r\n",
    b"<!--",
    b"<![CDATA[",
    b"xmlns=\"\"",
    b"/ObjStm",
    b"\xed\xa0\x80",
    b"\0",
];
const LARGEST: usize = 64 * 1024;

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    /// A seed with some changes.
    pub fn changed(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = seeds[self.below(seeds.len())].clone();
        bytes.truncate(LARGEST);
        for _ in 0..=self.below(6) {
            let at = self.below(bytes.len() + 1);
            match self.below(7) {
                0 if at < bytes.len() => bytes[at] = self.next() as u8,
                1 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                2 => bytes.truncate(at),
                3 => {
                    let piece = PIECES[self.below(PIECES.len())];
                    bytes.splice(at..at, piece.iter().copied());
                }
                4 => {
                    let end = (at + self.below(40)).min(bytes.len());
                    bytes.drain(at..end);
                }
                5 => {
                    // A part again, many times: depth and size.
                    let end = (at + 1 + self.below(12)).min(bytes.len());
                    let again = bytes[at..end].repeat(1 + self.below(200));
                    bytes.splice(at..at, again);
                }
                _ => {
                    let other = &seeds[self.below(seeds.len())];
                    let from = self.below(other.len() + 1);
                    let to = (from + self.below(200)).min(other.len());
                    bytes.splice(at..at, other[from..to].iter().copied());
                }
            }
            bytes.truncate(LARGEST);
        }
        bytes
    }
}
