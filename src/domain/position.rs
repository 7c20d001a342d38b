//! A place in the log. Commit order: whoever reads up to a position misses nothing before it.

/// The number of entries up to and including this one; the first entry is 1, an empty log is at 0.
/// On the wire it is sealed (`p1.…`), so that clients can only hand it back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub i64);
