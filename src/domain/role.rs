//! What one process is for. Whoever makes tokens and whoever keeps the data can be two, so that neither
//! alone can find a number in what is stored.

/// `--role`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Both, with a whole key file.
    All,
    /// It keeps the data and answers, and can't hash a number.
    Registry,
    /// It makes tokens, and has no data.
    Evaluator,
}

impl Role {
    /// Every role by its name.
    pub const NAMED: [(&str, Role); 3] =
        [("all", Role::All), ("registry", Role::Registry), ("evaluator", Role::Evaluator)];

    /// Its name.
    pub fn text(self) -> &'static str {
        match self {
            Role::All => "all",
            Role::Registry => "registry",
            Role::Evaluator => "evaluator",
        }
    }
}
