//! A place in the log. Commit order: whoever reads up to a position misses nothing before it.

/// The number of entries up to and including this one; the first entry is 1, an empty log is at 0.
/// On the wire it is sealed (`p1.…`), so that clients can only hand it back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub i64);

/// A position and the random mark of the entry there. When the end of the log was lost and it grew again,
/// the entry at a position has another mark than whoever read it before remembers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Where.
    pub position: Position,
    /// What the entry there is known by; 0 where nothing was written yet.
    pub mark: i64,
}
