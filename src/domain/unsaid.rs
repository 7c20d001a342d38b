//! What no log says: a `Debug` that names a type, and nothing of what it holds.

/// Gives each type a `Debug` that says its name alone: it holds a secret, or stands for a number or a
/// person, as text.
macro_rules! unsaid {
    ($($name:ident)*) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )*};
}
pub(crate) use unsaid;
