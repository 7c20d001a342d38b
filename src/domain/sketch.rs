//! How many different things were seen, in 4 KiB at most: exact for few, a HyperLogLog for many.
//!
//! A thing comes as 64 bits of a keyed hash, so that whoever holds a sketch without the key can neither
//! test what is in it nor choose things that count as one. Sketches merge into that of both together,
//! in whatever order and however often, so that nodes can hand theirs to one another.
//!
//! As far as 512 hashes they are kept as they are. Beyond, 4,096 registers hold how rare the rarest hash
//! of their share was (Flajolet et al. 2007), and Ertl's estimator reads them (2017, arXiv:1702.01284,
//! algorithm 6: no tables, no bias at either end). Its standard error is 1.04 / √4096 = 1.6 %, and falls
//! to either side alike.

use std::fmt;

/// Hashes that are kept as they are, at most: 4 KiB of them, like the registers.
pub const EXACT_MAX: usize = 512;

/// 2 to the power of [`INDEX_BITS`].
const REGISTERS: usize = 4_096;
const INDEX_BITS: u32 = 12;
/// What a register can hold: 0, or one more than the zeros that the other 52 bits begin with.
const RANK_MAX: usize = 53;

/// A set of which only the size is known, and what was added when there are few.
#[derive(Clone, PartialEq, Eq)]
pub struct Sketch(Form);

#[derive(Clone, PartialEq, Eq)]
enum Form {
    /// Ascending, each once.
    Exact(Vec<u64>),
    Dense(Box<Dense>),
}

#[derive(Clone, PartialEq, Eq)]
struct Dense {
    registers: [u8; REGISTERS],
    /// How many registers hold each rank: all that the estimate looks at.
    having: [u16; RANK_MAX + 1],
}

impl Default for Sketch {
    fn default() -> Sketch {
        Sketch(Form::Exact(Vec::new()))
    }
}

impl Sketch {
    /// Adds the thing with this hash; whether that changed the sketch.
    pub fn add(&mut self, hash: u64) -> bool {
        match &mut self.0 {
            Form::Dense(dense) => dense.add(hash),
            Form::Exact(hashes) => match hashes.binary_search(&hash) {
                Ok(_) => false,
                Err(place) => {
                    hashes.insert(place, hash);
                    self.keep_small();
                    true
                }
            },
        }
    }

    /// Adds all that `other` has seen; whether that changed the sketch.
    pub fn merge(&mut self, other: &Sketch) -> bool {
        let mut changed = false;
        match (&mut self.0, &other.0) {
            (_, Form::Exact(hashes)) => {
                for hash in hashes {
                    changed |= self.add(*hash);
                }
            }
            (Form::Dense(dense), Form::Dense(theirs)) => changed = dense.merge(theirs),
            (Form::Exact(hashes), Form::Dense(theirs)) => {
                let mut dense = theirs.clone();
                dense.add_all(hashes);
                self.0 = Form::Dense(dense);
                changed = true;
            }
        }
        changed
    }

    /// Whether this thing was surely added before. Of many things nobody knows which they were.
    pub fn knows(&self, hash: u64) -> bool {
        match &self.0 {
            Form::Exact(hashes) => hashes.binary_search(&hash).is_ok(),
            Form::Dense(_) => false,
        }
    }

    /// How many different things were added: exact up to [`EXACT_MAX`], an estimate beyond.
    pub fn count(&self) -> u64 {
        match &self.0 {
            Form::Exact(hashes) => u64::try_from(hashes.len()).unwrap_or(u64::MAX),
            Form::Dense(dense) => dense.estimate(),
        }
    }

    /// Whether [`Sketch::count`] is exact.
    pub fn is_exact(&self) -> bool {
        matches!(self.0, Form::Exact(_))
    }

    /// The sketch as it is kept: the hashes, eight bytes each, or the registers behind a byte that tells
    /// them apart.
    pub fn to_bytes(&self) -> Vec<u8> {
        match &self.0 {
            Form::Exact(hashes) => hashes.iter().flat_map(|hash| hash.to_be_bytes()).collect(),
            Form::Dense(dense) => [&[DENSE], dense.registers.as_slice()].concat(),
        }
    }

    /// The sketch that was kept as these bytes, or `None` when they are none.
    pub fn from_bytes(bytes: &[u8]) -> Option<Sketch> {
        if let Some((&DENSE, registers)) = bytes.split_first()
            && registers.len() == REGISTERS
        {
            return Dense::of(registers.try_into().ok()?).map(|dense| Sketch(Form::Dense(dense)));
        }
        let (hashes, rest) = bytes.as_chunks();
        let hashes: Vec<u64> = hashes.iter().map(|hash| u64::from_be_bytes(*hash)).collect();
        let kept =
            rest.is_empty() && hashes.len() <= EXACT_MAX && hashes.is_sorted_by(|a, b| a < b);
        kept.then_some(Sketch(Form::Exact(hashes)))
    }

    fn keep_small(&mut self) {
        let Form::Exact(hashes) = &self.0 else { return };
        if hashes.len() > EXACT_MAX {
            let mut dense = Dense::empty();
            dense.add_all(hashes);
            self.0 = Form::Dense(dense);
        }
    }
}

/// The registers and this are no whole number of hashes, so neither form can be taken for the other.
const DENSE: u8 = 1;

impl Dense {
    fn empty() -> Box<Dense> {
        let mut having = [0; RANK_MAX + 1];
        having[0] = 4_096;
        Box::new(Dense { registers: [0; REGISTERS], having })
    }

    fn of(registers: [u8; REGISTERS]) -> Option<Box<Dense>> {
        let mut dense = Box::new(Dense { registers, having: [0; RANK_MAX + 1] });
        for rank in registers {
            *dense.having.get_mut(usize::from(rank))? += 1;
        }
        Some(dense)
    }

    fn add(&mut self, hash: u64) -> bool {
        let index = usize::try_from(hash >> (u64::BITS - INDEX_BITS)).unwrap_or(0);
        // The bit behind the 52 keeps the count of zeros within them.
        let zeros = (hash << INDEX_BITS | 1 << (INDEX_BITS - 1)).leading_zeros();
        self.raise(index, u8::try_from(zeros + 1).unwrap_or(u8::MAX))
    }

    fn add_all(&mut self, hashes: &[u64]) {
        for hash in hashes {
            self.add(*hash);
        }
    }

    fn merge(&mut self, other: &Dense) -> bool {
        let mut changed = false;
        for (index, rank) in other.registers.iter().enumerate() {
            changed |= self.raise(index, *rank);
        }
        changed
    }

    fn raise(&mut self, index: usize, rank: u8) -> bool {
        let before = self.registers[index];
        if rank <= before {
            return false;
        }
        self.registers[index] = rank;
        self.having[usize::from(before)] -= 1;
        self.having[usize::from(rank)] += 1;
        true
    }

    /// Algorithm 6 of Ertl's paper, with its functions σ and τ.
    fn estimate(&self) -> u64 {
        let registers = 4_096.0;
        let share = |rank: usize| f64::from(self.having[rank]) / registers;
        let mut sum = registers * tau(1.0 - share(RANK_MAX));
        for rank in (1..RANK_MAX).rev() {
            sum = 0.5 * (sum + f64::from(self.having[rank]));
        }
        sum += registers * sigma(share(0));
        let estimate = registers * registers / (2.0 * std::f64::consts::LN_2 * sum);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "never negative, and a float that is too large becomes the largest integer"
        )]
        let estimate = estimate.round() as u64;
        estimate
    }
}

/// What the registers that hold nothing add.
fn sigma(mut x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z <= before {
            return z;
        }
    }
}

/// What the registers that can hold no more take away.
fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z >= before {
            return z / 3.0;
        }
    }
}

/// A count is all that is to be seen of a sketch.
impl fmt::Debug for Sketch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sketch({})", self.count())
    }
}
